import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { it } from "node:test";

import { newDraftName, removeStaleDrafts } from "./drafts.ts";

it("drafts of processes that have ended are removed, and nothing else", async (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), "whiskers-drafts-test-"));
  t.after(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  const ours = newDraftName();
  const theirs = ours.replace(/-\d+-\d+-\d+$/u, `-${spawnSync("true").pid}-1-1`);
  const compiled = path.join(folder, "compiled");
  mkdirSync(path.join(compiled, `.code-${theirs}`), { recursive: true });
  writeFileSync(path.join(compiled, `.code-${theirs}`, "code.py"), "");
  mkdirSync(path.join(compiled, `.code-${ours}`));
  mkdirSync(path.join(compiled, "code"));
  for (const name of [`.etc-${theirs}`, `.etc-${ours}`, theirs]) mkdirSync(path.join(folder, name));
  await removeStaleDrafts(folder);
  assert.deepEqual(readdirSync(compiled).toSorted(), [`.code-${ours}`, "code"]);
  assert.deepEqual(readdirSync(folder).toSorted(), [`.etc-${ours}`, "compiled", theirs]);
});

it("of block devices, whose makers are not known, those go that are old", async (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), "whiskers-drafts-test-"));
  t.after(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  const blocks = path.join(folder, "microvm/cache/blocks");
  for (const name of [".559-83bab92f", ".560-83bab92f", "kept"])
    mkdirSync(path.join(blocks, name), { recursive: true });
  for (const name of [".559-83bab92f", "kept"]) utimesSync(path.join(blocks, name), 0, 0);
  await removeStaleDrafts(folder);
  assert.deepEqual(readdirSync(blocks).toSorted(), [".560-83bab92f", "kept"]);
});
