/** What a task costs a supervisor that has many behind it, and what is left of it in memory when it is over. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { measureSupervise, type SuperviseFigures } from "../../bench/measure-supervise.ts";
import { noPostgres } from "../fixtures/postgres-server.ts";

const FEW = 750;
const MANY = 3 * FEW;
/** Less than what a task and its run take; what is under way at the moment makes a difference of 1 MB. */
const KEPT_BYTES_PER_TASK = 1000;
const COMMON = { warmUp: 300, state: "reuse", slots: 4, database: "server" } as const;

test(
  "nothing of a task stays in memory, and it costs no more with 10,000 behind it than with 10",
  { skip: noPostgres ?? false, timeout: 240_000 },
  async (t) => {
    const deep = await measureSupervise({
      ...COMMON,
      tasks: MANY,
      memoryEvery: FEW,
      heap: true,
      behind: 10_000,
    });
    const heap = (at: number): number =>
      deep.memory.curve.find(({ tasks }) => tasks === at)?.heapBytes ?? Number.NaN;
    const kept = (heap(MANY) - heap(FEW)) / (MANY - FEW);
    t.diagnostic(`heap after ${FEW} and ${MANY} tasks: ${heap(FEW)} and ${heap(MANY)} bytes`);
    assert.ok(kept < KEPT_BYTES_PER_TASK, `${kept.toFixed(0)} bytes of each task are kept`);

    const shallow = await measureSupervise({ ...COMMON, tasks: FEW, behind: 10 });
    const ratio = cpuMs(deep) / cpuMs(shallow);
    t.diagnostic(`processor time with 10,000 behind it: ${ratio.toFixed(2)} times that with 10`);
    assert.ok(ratio < 1.5, `${ratio}`);
  },
);

/** Of whoever could be slow in finding one among many. */
function cpuMs({ cpuMsPerTask: { supervisor, database, services } }: SuperviseFigures): number {
  return supervisor + database + services;
}
