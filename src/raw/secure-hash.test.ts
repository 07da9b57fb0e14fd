import assert from "node:assert/strict";
import { test } from "node:test";

import { pythonUnixTime } from "./secure-hash.ts";

// What Python 3 prints for `str(datetime.fromisoformat(…).timestamp())`.
for (const [time, printed] of [
  ["2024-01-01T00:00:00Z", "1704067200.0"],
  ["2024-01-01T00:00:00.500000Z", "1704067200.5"],
  ["2024-01-01T00:00:01.123456+00:00", "1704067201.123456"],
  ["2024-01-01T02:00:00.000001+02:00", "1704067200.000001"],
  ["1970-01-01T00:00:00.1Z", "0.1"],
] as const) {
  test(`the unix time of ${time} is printed as ${printed}`, () => {
    assert.equal(pythonUnixTime(time), printed);
  });
}
