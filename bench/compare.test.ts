import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { globSync } from "node:fs";
import { suite, test } from "node:test";

import { distributionOf } from "../src/bench/distribution.ts";
import { compareResults, compareText, surroundingsText } from "./compare.ts";

const HERE = import.meta.dirname;

/** Rounds of a machine whose minutes differ by a few percent, each with noise of its own. */
function measured(ms: number, seed: number): ReturnType<typeof distributionOf> {
  const wobble = (n: number): number => Math.sin(n * 12.9898 + seed * 78.233);
  return distributionOf(
    Array.from({ length: 5 }, (_, round) =>
      Array.from(
        { length: 60 },
        (_value, n) => ms * (1 + 0.03 * wobble(round) + 0.2 * wobble(n + 100 * round)),
      ),
    ),
  );
}

suite("two results are compared", () => {
  test("what differs by noise alone has not moved", () => {
    const again = Array.from(
      { length: 20 },
      (_, seed) => [`row-${seed}`, { runMs: measured(5, seed) }] as const,
    );
    const before = Object.fromEntries(again);
    const now = Object.fromEntries(again.map(([name], seed) => [name, { runMs: measured(5, seed + 50) }]));
    const { compared, changes } = compareResults(before, now);
    assert.equal(compared, 20);
    assert.ok(changes.length <= 1, compareText({ compared, changes }));
  });

  test("what got worse is told from what got better, whichever way its figure goes", () => {
    const result = (ms: number, rate: number, seed: number): Readonly<Record<string, object>> => ({
      row: { runMs: measured(ms, seed), runsPerSecond: measured(rate, seed), idleBytes: null, how: "fork" },
    });
    const slower = compareResults(result(5, 100, 1), result(7, 70, 2));
    assert.deepEqual(
      slower.changes.map(({ place, worse }) => [place, worse]),
      [
        ["row.runMs", true],
        ["row.runsPerSecond", true],
      ],
    );
    const faster = compareResults(result(5, 100, 1), result(3.5, 140, 2));
    assert.ok(faster.changes.length === 2 && faster.changes.every(({ worse }) => !worse));
    assert.match(compareText(faster), /2 of 2 figures moved[^]*better row\.runMs: [\d.]+ to [\d.]+/u);
  });

  test("a machine that is slower as a whole moves times, not ratios; a rate is told once; what else differs is said", () => {
    const on = (slower: number, seed: number): Readonly<Record<string, object>> => ({
      "docker-run-per-run-python": { runMs: measured(300 * slower, seed) },
      row: { runMs: measured(3 * slower, seed + 1), loadAverage: slower },
      supervisor: {
        tasksPerSecond: measured(9 / slower, seed),
        objectsPerSecond: measured(90 / slower, seed),
      },
    });
    const [before, now] = [on(1, 1), on(2, 3)];
    const { changes } = compareResults(before, now);
    assert.deepEqual(
      changes.map(({ place }) => place),
      ["docker-run-per-run-python.runMs", "row.runMs", "supervisor.tasksPerSecond"],
    );
    const three = { ...now, row: { runMs: measured(18, 4) } };
    const ratio = compareResults(before, three).changes.find(({ place }) => place.endsWith("thanDockerRun"));
    assert.ok(ratio?.worse === true && ratio.now < ratio.before);
    const machine = { cores: 2, processor: "A" };
    const text = surroundingsText(
      { machine, measurements: before },
      { machine: { ...machine, processor: "B" }, measurements: now },
    );
    assert.equal(text, "processor: A, and now B\nload average at the end: 1, and now 2\n");
  });

  test("what was measured once is not compared", () => {
    const once = (ms: number): Readonly<Record<string, object>> => ({
      row: { runMs: distributionOf([[ms]]) },
    });
    assert.deepEqual(compareResults(once(1), once(9)), { compared: 0, changes: [] });
  });

  test("two that have nothing in common are no result that nothing got worse", () => {
    const [runs, growth] = ["runs", "growth"].map(
      (topic) => globSync(`results/*-${topic}.json`, { cwd: HERE })[0] ?? "",
    );
    const compare = (before = "", now = ""): ReturnType<typeof spawnSync> =>
      spawnSync(process.execPath, ["main.ts", "--compare", before, "--of", now, "--fail-if-worse"], {
        cwd: HERE,
      });
    const { status, stderr } = compare(runs, growth);
    assert.equal(status, 2, String(stderr));
    assert.match(String(stderr), /there is nothing to compare/u);
    assert.equal(compare(runs, runs).status, 0);
  });
});
