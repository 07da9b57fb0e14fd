import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";

import { makeSmallPagesProgram } from "./small-pages-program.ts";

test(
  "what the program becomes has no huge pages, its own arguments, environment and streams",
  { skip: process.arch !== "x64" },
  async (t) => {
    const folder = mkdtempSync(path.join(tmpdir(), "whiskers-small-pages-"));
    t.after(() => {
      rmSync(folder, { recursive: true });
    });
    const program = await makeSmallPagesProgram(folder);
    if (program === null) {
      t.skip("no program runs from the temporary folder");
      return;
    }
    assert.equal(await makeSmallPagesProgram(folder), program);
    const script = `grep -h THP_enabled /proc/self/status; echo "$0 $1 $GIVEN"`;
    const run = (command: string, args: readonly string[]): ReturnType<typeof spawnSync> =>
      spawnSync(command, args, { env: { PATH: "/usr/bin:/bin", GIVEN: "too" }, encoding: "utf8" });
    if (run("/bin/sh", ["-c", script, "one", "two"]).stdout !== "THP_enabled:\t1\none two too\n") {
      t.skip("nothing has huge pages here");
      return;
    }
    const small = run(program, ["/bin/sh", "-c", script, "one", "two"]);
    assert.equal(small.stdout, "THP_enabled:\t0\none two too\n");
    assert.equal(run(program, ["/nonexistent"]).status, 127);
    assert.equal(run(program, []).status, 127);
  },
);
