import { spawnSync } from "node:child_process";
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";

import { findInterpreters } from "./interpreters.ts";

for (const { version, path } of findInterpreters()) {
  test(`records and classes on Python ${version}`, { timeout: 60_000 }, () => {
    const folder = join(import.meta.dirname, "unit");
    const { status, stderr } = spawnSync(path, ["-m", "unittest", "discover", "-s", folder], {
      encoding: "utf8",
      env: { ...process.env, PYTHONPATH: join(import.meta.dirname, ".."), PYTHONDONTWRITEBYTECODE: "1" },
    });
    assert.equal(status, 0, stderr);
    assert.match(stderr, /Ran \d\d tests/);
  });
}
