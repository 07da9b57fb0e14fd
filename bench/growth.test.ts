import assert from "node:assert/strict";
import { suite, test } from "node:test";

import { fitCurve } from "./growth.ts";

suite("what grows with what", () => {
  const fit = (cost: (at: number) => number): ReturnType<typeof fitCurve> =>
    fitCurve(
      "queued",
      "task",
      [10, 100, 1000, 10_000].map((at) => ({ at, cpuMs: cost(at) })),
    );
  const noise = (at: number): number => 1 + (Math.log10(at) % 2 === 0 ? 0.03 : -0.03);

  test("a cost that is the same but for noise is flat", () => {
    assert.equal(fit((at) => 3 * noise(at)).verdict, "flat");
  });

  test("one that grows with a power is told with it", () => {
    const { verdict, exponent } = fit((at) => at ** 0.5);
    assert.deepEqual([verdict, exponent.toFixed(3)], ["grows", "0.500"]);
    assert.equal(fit((at) => 1 / at).verdict, "falls");
  });

  test("one that is quadratic only when there is much bends", () => {
    assert.equal(fit((at) => 3 + at ** 2 / 1e8).verdict, "bends upwards at the end");
  });

  test("one that is a third more from somewhere on is not flat, though its exponent is small", () => {
    const { verdict, exponent } = fit((at) => (at < 1000 ? 3 : 4));
    assert.ok(exponent < 0.06);
    assert.notEqual(verdict, "flat");
    assert.equal(fit((at) => 3 * at ** 0.045).verdict, "bends upwards");
  });

  test("one that falls first does not hide its rise", () => {
    const costs = new Map([
      [10, 12],
      [100, 3],
      [1000, 2],
      [10_000, 2.45],
    ]);
    assert.equal(fit((at) => costs.get(at) ?? 0).verdict, "bends upwards");
  });
});
