import { randomUUID } from "node:crypto";

import type { RunRow } from "../db/sql/insert-runs.ts";
import type { Outcome } from "../domain/outcome.ts";
import type { Records } from "../domain/record.ts";
import type { Run } from "../domain/run.ts";
import type { Task } from "../domain/task.ts";
import type { StoredRun } from "./delivery-plan.ts";
import { OBJECTS_FIRST, withObjectsText } from "./stored-run.ts";
import { workerName } from "./worker-name.ts";

/** When a run was, and the how manyeth it was of its task. */
interface RunTimes {
  readonly starts: number;
  readonly startedAt: Date;
  readonly endedAt: Date;
  /** When the outcome was there, by `performance.now()`. */
  readonly overMs: number;
}

/** A run as it is kept. `run` is null when the platform failed before there was one. */
export function runRow(task: Task, outcome: Outcome, run: Run | null, times: RunTimes): RunRow {
  const { starts, startedAt, endedAt, overMs } = times;
  const worker = workerName();
  const row = {
    id: randomUUID(),
    taskId: task.id,
    overMs,
    status: outcome.status,
    code: outcome.status === "failed" ? outcome.code : null,
  };
  if (run === null) {
    const document = JSON.stringify({ task, starts, worker, startedAt, endedAt, outcome });
    return { ...row, normalizer: task.package, document, output: null, cacheKey: null };
  }
  const { records, record, logs, logBytesDropped, receipt } = run;
  const { rejections, rejectionsDropped, recordsRejected, raws, objects, objectsJson, ...output } = records;
  return {
    ...row,
    normalizer: record.normalizer.id,
    cacheKey: keptUnder(run, outcome),
    document: JSON.stringify({
      task,
      starts,
      worker,
      startedAt,
      endedAt,
      outcome,
      rejections,
      rejectionsDropped,
      recordsRejected,
      logs,
      logBytesDropped,
      receipt,
      record,
    }),
    output: outputText(objectsJson ?? JSON.stringify(objects), {
      ...output,
      raws: raws.map(({ mime_types, content }) => ({
        mime_types,
        content: Buffer.from(content).toString("base64"),
      })),
    }),
  };
}

function outputText(objects: string, others: object): string {
  return `${OBJECTS_FIRST}${objects},${JSON.stringify(others).slice(1)}`;
}

/** The same as it is read back from what `runRow` wrote, `output`. */
export function freshRun(
  task: Task,
  outcome: Outcome,
  run: Run | null,
  { startedAt, endedAt }: Pick<RunTimes, "startedAt" | "endedAt">,
  output: string | null,
): StoredRun {
  return {
    task,
    startedAt: startedAt.toISOString(),
    endedAt: endedAt.toISOString(),
    outcome,
    normalizer: run?.record.normalizer ?? null,
    packageDigest: run?.record.packageDigest ?? null,
    records: run === null || output === null ? null : freshRecords(run.records, output),
  };
}

/** The text of the objects is a part of the output's: both take the memory of one. */
function freshRecords({ objects, objectsJson, ...others }: Records, output: string): Records {
  const { length } = objectsJson ?? JSON.stringify(objects);
  const text = output.slice(OBJECTS_FIRST.length, OBJECTS_FIRST.length + length);
  return withObjectsText({ ...others, rejections: [], rejectionsDropped: 0, recordsRejected: 0 }, text);
}

/** Null: it is not kept, because it failed, left something out, might depend on what ran before, or is kept already. */
function keptUnder({ cacheKey, records, record }: Run, outcome: Outcome): string | null {
  const isWhole = outcome.status === "succeeded" && records.recordsRejected === 0;
  const isOwn = record.state !== "reuse" && record.cached === undefined;
  return isWhole && isOwn ? (cacheKey ?? null) : null;
}
