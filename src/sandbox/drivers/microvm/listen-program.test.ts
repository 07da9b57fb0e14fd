import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import type { TestContext } from "node:test";

import { eventually } from "../../../../test/fixtures/eventually.ts";
import { listenProgram } from "./listen-program.ts";

const CANNOT = 127;

test(
  "the program waits on its port of vsock, which is then nobody else's",
  { skip: process.arch !== "x64" },
  async (t) => {
    const program = place(t);
    const first = spawn(program, ["917", "/bin/true"], { stdio: "ignore" });
    t.after(() => first.kill("SIGKILL"));
    const ended = once(first, "exit");
    // accept4(2)
    const waits = (): boolean => readFileSync(`/proc/${first.pid}/syscall`, "latin1").startsWith("288 ");
    const how = await Promise.race([
      ended.then(([status]) => status as number),
      eventually("it waits", () => {
        try {
          return waits();
        } catch {
          return false;
        }
      }).then(() => "waits" as const),
    ]);
    if (how === CANNOT) {
      t.diagnostic("this machine's kernel has no vsock, or its lower ports are not for this user");
      return;
    }
    assert.equal(how, "waits");
    assert.equal(spawnSync(program, ["917", "/bin/true"], { timeout: 5000 }).status, CANNOT);
    if (process.geteuid?.() === 0) {
      const asNobody = spawnSync(
        "setpriv",
        ["--reuid=65534", "--clear-groups", program, "918", "/bin/true"],
        {
          timeout: 5000,
        },
      );
      assert.equal(asNobody.status, CANNOT, "a port below 1024 is root's");
    }
  },
);

function place(t: TestContext): string {
  const folder = mkdtempSync(path.join(tmpdir(), "whiskers-listen-"));
  t.after(() => {
    rmSync(folder, { recursive: true });
  });
  const program = path.join(folder, "listen");
  writeFileSync(program, listenProgram(), { mode: 0o755 });
  spawnSync("chmod", ["755", folder]);
  return program;
}
