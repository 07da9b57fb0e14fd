import assert from "node:assert/strict";
import { suite, test } from "node:test";

import { distributionOf } from "./distribution.ts";

suite("a distribution", () => {
  test("has the median and the 99th percentile of all rounds together", () => {
    const values = Array.from({ length: 100 }, (_, index) => index + 1);
    const { count, p50, p99 } = distributionOf([values.slice(0, 30), values.slice(30)]);
    assert.deepEqual([count, p50, p99], [100, 51, 100]);
  });

  test("has an interval as wide as rounds differ, however alike the values of one round are", () => {
    const round = (ms: number): readonly number[] =>
      Array.from({ length: 200 }, (_, n) => ms + (n % 7) / 100);
    const steady = distributionOf([round(10), round(10), round(10), round(10)]);
    const unsteady = distributionOf([round(10), round(11), round(13), round(10)]);
    assert.ok(steady.high - steady.low < 0.1, JSON.stringify(steady));
    assert.ok(unsteady.low <= 10.1 && unsteady.high >= 11, JSON.stringify(unsteady));
  });

  test("is the same each time, and one value is its own interval", () => {
    const rounds = [[3, 1, 2], [5], [4, 4.5]];
    assert.deepEqual(distributionOf(rounds), distributionOf(rounds));
    const { low, high } = distributionOf([[7]]);
    assert.deepEqual([low, high], [7, 7]);
    assert.throws(() => distributionOf([[], []]), RangeError);
  });
});
