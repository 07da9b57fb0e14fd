import type { Outcome } from "../domain/outcome.ts";
import type { DerivedRaw, Records } from "../domain/record.ts";
import type { Run, RunRecord } from "../domain/run.ts";
import type { Task } from "../domain/task.ts";
import type { StoredRun } from "./delivery-plan.ts";

/** Reads what `runRow` wrote. It comes from our own database, and is not checked again. */
export function readStoredRun(row: { readonly run: unknown; readonly output: unknown }): StoredRun {
  const run = row.run as RunDocument;
  const output = row.output as OutputDocument | null;
  return {
    task: run.task,
    startedAt: run.startedAt,
    endedAt: run.endedAt,
    outcome: run.outcome,
    normalizer: run.record?.normalizer ?? null,
    packageDigest: run.record?.packageDigest ?? null,
    records:
      output === null
        ? null
        : {
            ...output,
            raws: output.raws.map(({ mime_types, content }): DerivedRaw => ({
              mime_types,
              content: Buffer.from(content, "base64"),
            })),
            rejections: [],
            rejectionsDropped: 0,
            recordsRejected: 0,
          },
  };
}

/** What `runRow` writes of a run, beside its output. What a run has is absent when there was none. */
export interface RunDocument extends Partial<
  Pick<Run, "logs" | "logBytesDropped"> &
    Pick<Records, "rejections" | "rejectionsDropped" | "recordsRejected">
> {
  readonly task: Task;
  /** How often the task had been begun, this time included. */
  readonly starts: number;
  /** Host and process id; absent: before this was kept. */
  readonly worker?: string;
  readonly startedAt: string;
  readonly endedAt: string;
  readonly outcome: Outcome;
  readonly record?: RunRecord;
}

type OutputDocument = Omit<Records, "raws" | "rejections" | "rejectionsDropped" | "recordsRejected"> & {
  readonly raws: readonly { readonly mime_types: readonly string[]; readonly content: string }[];
};
