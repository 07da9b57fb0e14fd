import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";

import type { SuperviseFigures } from "./measure-supervise.ts";
import { judgeSupervise } from "./promises.ts";
import type { ResultFile } from "./save-result.ts";

const RESULTS = path.join(import.meta.dirname, "results");
/** Between the first measurement and the last of one supervisor; JavaScript's heap without its garbage. */
const MOST_GROWTH_BYTES = 2e6;

test("what was measured of the supervisor keeps what is promised", () => {
  const newest = globSync("*-supervise.json", { cwd: RESULTS }).toSorted().at(-1);
  assert.ok(newest !== undefined);
  const { measurements } = JSON.parse(readFileSync(path.join(RESULTS, newest), "utf8")) as ResultFile;
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
  assert.ok(rows.every(({ tasksPerSecond }) => tasksPerSecond > 0));
});
