import assert from "node:assert/strict";
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { it } from "node:test";

import { WhiskersError } from "../../../errors.ts";
import { runInNamespace } from "../../view/mount-namespace.ts";
import type { Bind } from "./whole-roots.ts";
import { WholeRoots } from "./whole-roots.ts";

const skip = process.geteuid?.() === 0 ? false : "only root can mount";

it("a root is put together once, read-only, until what is in it is replaced", { skip }, async (t) => {
  const scratch = mkdtempSync(path.join(tmpdir(), "whiskers-whole-"));
  t.after(() => {
    rmSync(scratch, { recursive: true, force: true });
  });
  const [skeleton, source, file] = ["skeleton", "source", "file"].map((name) => path.join(scratch, name));
  assert.ok(skeleton !== undefined && source !== undefined && file !== undefined);
  mkdirSync(path.join(skeleton, "data"), { recursive: true });
  writeFileSync(path.join(skeleton, "program"), "");
  mkdirSync(source);
  writeFileSync(path.join(source, "inside"), "");
  writeFileSync(file, "first");
  const binds: readonly Bind[] = [
    { kind: "read-only", source, target: "/data" },
    { kind: "read-only", source: file, target: "/program", isFile: true },
  ];
  const place = path.join(scratch, "whole");
  const roots = new WholeRoots(place);
  assert.equal(roots.fd, null);
  const [one, same] = await Promise.all([
    roots.add(skeleton, binds, []),
    roots.add(skeleton, [...binds], ["/somewhere/else"]),
  ]);
  assert.equal(one, same);
  const look = async (root: string, script: string): Promise<void> => {
    assert.ok(roots.fd !== null);
    await runInNamespace(roots.fd, script, [root]);
  };
  await look(
    one,
    '[ "$(ls "$1")" = "data\nprogram" ] && [ "$(cat "$1/program")" = first ] && [ -e "$1/data/inside" ]',
  );
  await look(one, '! touch "$1/made" 2>/dev/null && ! touch "$1/data/made" 2>/dev/null');
  writeFileSync(`${file}.new`, "second");
  renameSync(`${file}.new`, file);
  const other = await roots.add(skeleton, binds, []);
  assert.notEqual(other, one);
  await look(other, '[ "$(cat "$1/program")" = second ]');
  assert.ok(!readFileSync("/proc/self/mountinfo", "utf8").includes(place), "nothing of it is mounted here");
  assert.deepEqual(readdirSync(place), []);
  const nowhere: Bind = { kind: "read-only", source, target: "/no/such/place" };
  await assert.rejects(
    roots.add(skeleton, [nowhere], []),
    (error) =>
      error instanceof WhiskersError &&
      error.code === "sandbox-failed" &&
      /no\/such\/place/u.test(error.message),
  );
});
