import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { it } from "node:test";

import { sandboxNamePrefix } from "../../cgroup/owner.ts";
import { fakeEngine } from "../../testing/fake-engine.ts";
import { labelsOf } from "./owner.ts";
import { reap } from "./reap.ts";

/** Of a process that has ended. */
function deadName(): string {
  const [, namespace = ""] = sandboxNamePrefix().split("-");
  const { pid } = spawnSync("true");
  return `whiskers-${namespace}-${pid}-1-1`;
}

it("a container that the engine cannot remove is told, and in nobody's way", async (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), "whiskers-reap-test-"));
  t.after(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  const removed: string[] = [];
  const engine = await fakeEngine(t, (request, response) => {
    const { pathname } = new URL(request.url ?? "", "http://engine");
    const id = path.basename(pathname);
    if (request.method === "GET") {
      const container = { Labels: labelsOf(deadName(), "/home"), State: "dead", Created: 1 };
      response.end(
        JSON.stringify([
          { ...container, Id: "stuck" },
          { ...container, Id: "other" },
        ]),
      );
      return;
    }
    if (id === "other") removed.push(id);
    response.statusCode = id === "other" ? 204 : 500;
    response.end(
      id === "other" ? "" : '{"message":"driver failed to remove root filesystem: device or resource busy"}',
    );
  });
  const stuck = await reap(engine, folder);
  assert.deepEqual(removed, ["other"]);
  assert.equal(stuck.length, 1);
  assert.match(stuck[0] ?? "", /cannot remove stuck.*device or resource busy/u);
});
