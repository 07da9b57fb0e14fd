import assert from "node:assert/strict";
import { suite, test } from "node:test";

import { distributionOf } from "./distribution.ts";

suite("a distribution", () => {
  test("has the median and the 99th percentile of all rounds together", () => {
    const values = Array.from({ length: 100 }, (_, index) => index + 1);
    const { count, p50, p99 } = distributionOf([values.slice(0, 30), values.slice(30)]);
    assert.deepEqual([count, p50, p99], [100, 50.5, 99.01]);
  });

  test("has a median that leans to neither side, however few values there are", () => {
    assert.deepEqual(
      [
        [[2], [4]],
        [[1, 2, 3]],
        [
          [4, 1],
          [3, 2],
        ],
        [[7]],
      ].map((rounds) => distributionOf(rounds).p50),
      [3, 2, 2.5, 7],
    );
  });

  test("has an interval that holds what is measured again, also of few rounds", () => {
    const random = numbersFrom(1);
    for (const rounds of [2, 3, 4, 6]) {
      for (const values of [1, 15]) {
        const measured = (): ReturnType<typeof distributionOf> =>
          distributionOf(
            Array.from({ length: rounds }, () => {
              const minute = 0.05 * random();
              return Array.from({ length: values }, () => 100 * Math.exp(minute + 0.05 * random()));
            }),
          );
        const tried = Array.from({ length: 80 }, () => [measured(), measured()] as const);
        const right = tried.filter(([{ low, high }]) => low <= 100 && 100 <= high).length;
        const moved = tried.filter(([a, b]) => a.low > b.high || b.low > a.high).length;
        const what = `${rounds} rounds of ${values}: ${right} of 80 hold the median, ${moved} seem to have moved`;
        assert.ok(right >= 70 && moved <= 2, what);
      }
    }
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

/** Of the normal distribution; the same each time. */
function numbersFrom(seed: number): () => number {
  let state = seed;
  const even = (): number => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    return (state + 1) / 2 ** 31;
  };
  return () => Math.sqrt(-2 * Math.log(even())) * Math.cos(2 * Math.PI * even());
}
