import assert from "node:assert/strict";
import { suite, test } from "node:test";

import { unmarkedFigures } from "./unmarked-figures.ts";

suite("a figure without its mark is found", () => {
  for (const text of [
    "it takes 2.4 ms",
    "it takes 2.4ms",
    "it takes `2.4 ms`",
    "it takes 3 seconds",
    "124 × as fast",
    "124× as fast",
    "124x as fast",
    "80-fold",
    "9 % more",
    "does 481 small tasks a second",
    "does 481 tasks per second",
    "does 481 runs/s",
    "1,234 objects a second",
    "holds 1.5 GB, which is much",
    "holds 11 megabytes",
  ])
    test(text, () => {
      assert.equal(unmarkedFigures(text).length, 1);
    });

  test("in a table, where its unit is in the head", () => {
    assert.deepEqual(
      unmarkedFigures("| what | ms |\n|---|---|\n| fork | 2.43 |\n| reuse | 1,234 | 0.5 |\n"),
      ["2.43", "1,234", "0.5"],
    );
  });

  test("and no other number", () => {
    const text = [
      "Python 3.11, 4 slots, 4 kB in and 200 objects out, port 5432, `--minutes 60`, 2026-11-26",
      "2.4<!-- 2026-11-26-runs: a.runMs.p50 --> ms, 1,234<!-- 2026-11-26-runs: a.rate.p50 --> tasks a second",
      "| fork | 2.43<!-- 2026-11-26-runs: a.runMs.p50 --> |  | -0.31<!-- 2026-11-26-growth: a.exponent --> |",
      "```\n2.4 ms\n```",
    ].join("\n");
    assert.deepEqual(unmarkedFigures(text), []);
  });
});
