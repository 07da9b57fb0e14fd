import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";

import type { BenchRow } from "../src/bench/measure-ways.ts";
import type { Curve } from "./growth.ts";
import type { PipelineRow } from "./measure-pipeline.ts";
import type { SuperviseFigures } from "./measure-supervise.ts";
import {
  judgeGrowth,
  judgePipeline,
  judgeRows,
  judgeSoak,
  judgeSupervise,
  type Soak,
  type Verdict,
} from "./promises.ts";
import type { ResultFile } from "./save-result.ts";

const RESULTS = path.join(import.meta.dirname, "results");
/** Between the first measurement and the last of one supervisor; JavaScript's heap without its garbage. */
const MOST_GROWTH_BYTES = 2e6;
/** What is resident varies by that much when nothing is kept. */
const MOST_RESIDENT_GROWTH = 1.05;

/** By promise, of how many rows: in bubblewrap and by util-linux, in runc, by the engine, in gVisor; Python and JavaScript. */
const RUNS_JUDGED = { S1: 5, S2: 3, S11: 3, S3: 2, S12: 4, S18: 3 };

test("what was measured of the supervisor keeps what is promised", () => {
  const measurements = newestOf("supervise");
  const rows = Object.values(measurements) as SuperviseFigures[];
  const named = ["reuse-server", "fork-server", "memory-16-slots-server"].map((name) => {
    const row = measurements[name] as SuperviseFigures | undefined;
    assert.ok(row !== undefined, `${name} was not measured`);
    return row;
  });
  const [reuse, fork, long] = named;
  assert.ok(reuse !== undefined && fork !== undefined && long !== undefined);
  // Taking stock of the heap every 2,000 tasks takes time, too.
  const verdicts = [
    ...judgeSupervise([reuse, fork]),
    ...judgeSupervise([long]).filter(({ promise }) => promise.startsWith("S8 ")),
  ];
  assert.deepEqual(
    verdicts.filter(({ kept }) => !kept),
    [],
  );
  const [first, last] = [long.memory.curve[0], long.memory.curve.at(-1)];
  assert.deepEqual([long.slots, last?.tasks], [16, 20_000]);
  assert.ok((last?.heapBytes ?? Infinity) - (first?.heapBytes ?? 0) < MOST_GROWTH_BYTES);
  assert.ok((last?.bytes ?? Infinity) < (first?.bytes ?? 0) * MOST_RESIDENT_GROWTH);
  assert.ok(rows.every(({ tasksPerSecond }) => tasksPerSecond > 0));
});

test("what was measured over an hour keeps what is promised", () => {
  const verdicts = judgeSoak(newestOf("soak")["reuse-server"] as Soak);
  assert.deepEqual(countByNumber(verdicts), { S36: 2 });
  assert.deepEqual(
    verdicts.filter(({ kept }) => !kept),
    [],
  );
  const points = [100, 101, 130, 102].map((bytes) => ({ heapBytes: bytes, residentBytes: 100 }));
  const growing = judgeSoak({ minutes: 60, curve: points });
  assert.deepEqual(
    growing.map(({ kept }) => kept),
    [false, true],
  );
  assert.deepEqual(judgeSoak({ minutes: 10, curve: points }), []);
});

test("what was measured of runs keeps what is promised", () => {
  const rows = Object.values(newestOf("runs")).filter((row): row is BenchRow => "runMs" in row);
  const verdicts = judgeRows(rows);
  // Those that have a number are promised.
  const promised = verdicts.filter(({ promise }) => /^S\d/u.test(promise));
  assert.deepEqual(
    promised.filter(({ kept }) => !kept),
    [],
  );
  assert.deepEqual(countByNumber(promised), RUNS_JUDGED);
});

test("what was measured of what a task costs more with keeps what is promised", () => {
  const curves = Object.values(newestOf("growth")).filter((one): one is Curve => "lastExponent" in one);
  const verdicts = judgeGrowth(curves);
  assert.equal(verdicts.length, 2, "with as many as is promised");
  assert.deepEqual(
    verdicts.filter(({ kept }) => !kept),
    [],
  );
});

test("what was measured of two supervisors on the same cores keeps what is promised", () => {
  const verdicts = judgePipeline(Object.values(newestOf("pipeline")) as PipelineRow[]);
  // Two have as many slots together as one, or as many each; all under reuse and fork.
  assert.deepEqual(countByNumber(verdicts), { S6: 2, S7: 2, S14: 4 });
  assert.deepEqual(
    verdicts.filter(({ kept }) => !kept),
    [],
  );
});

function countByNumber(verdicts: readonly Verdict[]): Readonly<Record<string, number>> {
  const byNumber = Map.groupBy(verdicts, ({ promise }) => promise.split(" ", 1)[0] ?? "");
  return Object.fromEntries([...byNumber].map(([number, { length }]) => [number, length]));
}

function newestOf(topic: string): ResultFile["measurements"] {
  const newest = globSync(`*-${topic}.json`, { cwd: RESULTS }).toSorted().at(-1);
  assert.ok(newest !== undefined, `nothing was measured of ${topic}`);
  return (JSON.parse(readFileSync(path.join(RESULTS, newest), "utf8")) as ResultFile).measurements;
}
