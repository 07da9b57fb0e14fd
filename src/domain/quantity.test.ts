import assert from "node:assert/strict";
import { suite, test } from "node:test";

import * as fc from "fast-check";

import { formatBytes, formatMs, parseDurationMs, parseSizeBytes } from "./quantity.ts";

suite("quantities", () => {
  test("durations: units, and seconds without one", () => {
    const read: readonly (readonly [unknown, number | null])[] = [
      ["30s", 30_000],
      ["500ms", 500],
      ["1.5m", 90_000],
      ["1h", 3_600_000],
      ["30", 30_000],
      [0.25, 250],
      [" 2 s ", 2000],
      ["", null],
      ["s", null],
      ["-1s", null],
      [-1, null],
      ["1e3", null],
      ["1d", null],
      [Number.NaN, null],
      [Number.POSITIVE_INFINITY, null],
      [1e306, null],
      [Number.MAX_SAFE_INTEGER, null],
      ["999999999999h", null],
      [null, null],
      [["30s"], null],
    ];
    for (const [value, wanted] of read) assert.equal(parseDurationMs(value), wanted, JSON.stringify(value));
  });

  test("sizes: powers of 1024, and bytes without a unit", () => {
    const read: readonly (readonly [unknown, number | null])[] = [
      ["256M", 268_435_456],
      ["256MB", 268_435_456],
      ["256MiB", 268_435_456],
      ["1.5g", 1_610_612_736],
      ["2 KiB", 2048],
      ["100", 100],
      ["100B", 100],
      [1024, 1024],
      [1.5, null],
      ["", null],
      ["M", null],
      ["-1M", null],
      ["1T", null],
      ["999999999999999G", null],
      ["1Mi", null],
      [{}, null],
    ];
    for (const [value, wanted] of read) assert.equal(parseSizeBytes(value), wanted, JSON.stringify(value));
  });

  test("whatever is read is a whole number that is not negative, or null", () => {
    fc.assert(
      fc.property(fc.anything(), (value) => {
        for (const parsed of [parseDurationMs(value), parseSizeBytes(value)]) {
          assert.ok(parsed === null || (Number.isSafeInteger(parsed) && parsed >= 0));
        }
      }),
    );
  });

  test("are shown short", () => {
    assert.deepEqual([0, 1, 1023, 1024, 1536, 12 * 2 ** 20, 1e15].map(formatBytes), [
      "0 bytes",
      "1 byte",
      "1023 bytes",
      "1 KiB",
      "1.5 KiB",
      "12 MiB",
      "909 TiB",
    ]);
    assert.deepEqual([0, 0.456, 4.24, 12.3, 1234, 65_000].map(formatMs), [
      "0 ms",
      "0.46 ms",
      "4.2 ms",
      "12 ms",
      "1.23 s",
      "1 m 5 s",
    ]);
  });
});
