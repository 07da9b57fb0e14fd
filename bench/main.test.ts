import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import path from "node:path";
import { test } from "node:test";

test("./dev bench --check of what holds no promise is no promise kept", () => {
  const main = path.join(import.meta.dirname, "main.ts");
  const ran = spawnSync(process.execPath, [main, "--pipeline", "--case", "nosuch", "--check"], {
    encoding: "utf8",
  });
  assert.equal(ran.status, 2, ran.stderr);
  assert.match(ran.stderr, /nothing of what was measured is promised/u);
});
