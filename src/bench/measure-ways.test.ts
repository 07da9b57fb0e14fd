import assert from "node:assert/strict";
import { suite, test } from "node:test";

import { measureWays } from "./measure-ways.ts";
import type { Runs, Way } from "./way.ts";

const OPTIONS = { budgetMs: 5, signal: new AbortController().signal, onProgress: () => {} };

/** One that notes when it is measured, and takes as long as it is told to. */
function wayOf(runtime: string, runMs: number, noted: string[], fails = false): Way {
  return {
    name: { runtime, how: "call", language: "python" },
    version: "1",
    runs: (_budgetMs, atOnce): Promise<Runs> => {
      noted.push(`${runtime} ${atOnce > 1 ? "many" : "one"}`);
      if (fails) return Promise.reject(new Error("it broke"));
      return Promise.resolve({ ms: [runMs], seconds: runMs / 1000 });
    },
  };
}

suite("ways are measured", () => {
  test("in rounds, one after another", async () => {
    const noted: string[] = [];
    const { rows } = await measureWays([wayOf("a", 2, noted), wayOf("b", 4, noted)], {
      ...OPTIONS,
      rounds: 3,
    });
    assert.deepEqual(
      noted.filter((one) => one.endsWith("one")),
      ["a one", "b one", "a one", "b one", "a one", "b one"],
    );
    assert.deepEqual(
      rows.map(({ runMs, runsPerSecond }) => [runMs.p50, runMs.rounds, runsPerSecond.p50]),
      [
        [2, 3, 500],
        [4, 3, 250],
      ],
    );
  });

  test("a slow one less often", async () => {
    const noted: string[] = [];
    const { rows } = await measureWays([wayOf("slow", 50, noted)], { ...OPTIONS, rounds: 5 });
    assert.equal(rows[0]?.runMs.rounds, 2);
  });

  test("one that fails is named, and costs the others nothing", async () => {
    const noted: string[] = [];
    const ways = [wayOf("a", 2, noted), wayOf("broken", 2, noted, true)];
    const { rows, failed } = await measureWays(ways, { ...OPTIONS, rounds: 2 });
    assert.deepEqual(
      rows.map(({ runtime }) => runtime),
      ["a"],
    );
    assert.deepEqual(failed, [{ row: "broken call python", reason: "it broke" }]);
  });

  test("no round begins that would be over too late", async () => {
    const noted: string[] = [];
    const { rows } = await measureWays([wayOf("a", 2, noted)], { ...OPTIONS, rounds: 3, mostMs: 0 });
    assert.equal(rows.length, 1);
    assert.equal(rows[0]?.runMs.rounds, 1);
  });
});
