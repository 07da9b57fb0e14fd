import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import type { SpawnSyncReturns } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";

import { filteredProgram } from "./filtered-program.ts";

test(
  "what the program becomes is under the filter, and is found as execvp(3) finds it",
  { skip: process.arch !== "x64" },
  (t) => {
    const folder = mkdtempSync(path.join(tmpdir(), "whiskers-filtered-"));
    t.after(() => {
      rmSync(folder, { recursive: true });
    });
    const program = path.join(folder, "filtered");
    writeFileSync(program, filteredProgram(), { mode: 0o755 });
    const run = (...argv: readonly string[]): SpawnSyncReturns<string> =>
      spawnSync("setpriv", ["--no-new-privs", program, ...argv], {
        encoding: "utf8",
        cwd: "/usr/bin",
        env: { PATH: "/usr/bin:/bin", GIVEN: "too" },
      });
    if (run("true").error !== undefined || run("true").status === 126) {
      t.skip("no program runs from the temporary folder");
      return;
    }
    const script = `grep -h Seccomp: /proc/self/status; echo "$0 $1 $GIVEN"; unshare -r true`;
    for (const shell of ["sh", "/bin/sh", "./sh"]) {
      const { stdout, stderr, status } = run(shell, "-c", script, "one", "two");
      assert.equal(stdout, "Seccomp:\t2\none two too\n");
      assert.match(stderr, /unshare.*Operation not permitted/u);
      assert.equal(status, 1);
    }
    for (const nothing of ["no-such-program", "./no-such-program", "/etc/passwd", ""])
      assert.deepEqual(
        [run(nothing).stderr.split(",")[0], run(nothing).status],
        ["there is no such program", 127],
      );
  },
);
