import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { constants, tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";

import { reseedProgram } from "./reseed-program.ts";

test(
  "the program asks the kernel for a new seed, and says whether it got it",
  { skip: process.arch !== "x64" },
  (t) => {
    const folder = mkdtempSync(path.join(tmpdir(), "whiskers-reseed-"));
    t.after(() => {
      rmSync(folder, { recursive: true });
    });
    const program = path.join(folder, "reseed");
    writeFileSync(program, reseedProgram(), { mode: 0o755 });
    const { status } = spawnSync(program);
    // Only root may, and not everywhere.
    assert.ok(status === 0 || status === constants.errno.EPERM, `it ended with ${status}`);
    const asNobody = spawnSync("setpriv", ["--reuid=65534", "--clear-groups", program]);
    if (process.geteuid?.() === 0 && asNobody.error === undefined && asNobody.status !== 127)
      assert.ok([constants.errno.EPERM, constants.errno.EACCES, 126].includes(asNobody.status ?? 0));
  },
);
