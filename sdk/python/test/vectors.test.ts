import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";

import { holdVectors } from "../../test/hold-vectors.ts";
import { findInterpreters } from "./interpreters.ts";
import { pythonGuest } from "./python-guest.ts";

const FOLDER = join(import.meta.dirname, "vector-normalizer");

const interpreters = findInterpreters();

test("there is a Python to test with", () => {
  assert.notEqual(interpreters.length, 0, "no Python 3.8 or later on the PATH");
});

for (const { version, path } of interpreters) {
  holdVectors(`Python ${version}`, ["fresh", "reuse", "fork"], (state) => pythonGuest(FOLDER, state, path));
}
