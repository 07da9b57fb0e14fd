import { endOfList } from "../delivery/objects-text.ts";
import type { Outcome } from "../domain/outcome.ts";
import type { DerivedRaw, OpenKatObject, Records } from "../domain/record.ts";
import type { Run, RunRecord } from "../domain/run.ts";
import type { Task } from "../domain/task.ts";
import type { StoredRun } from "./delivery-plan.ts";

/** How the text of an output begins. */
export const OBJECTS_FIRST = '{"objects":';

/** As `readStoredRun`, from the output's text; its objects stay text. */
export function storedRunOf(run: unknown, output: string | null): StoredRun {
  if (output === null) return readStoredRun({ run, output });
  const end = endOfList(output, OBJECTS_FIRST.length);
  const others: unknown = JSON.parse(`{"objects":[]${output.slice(end)}`);
  const { records, ...stored } = readStoredRun({ run, output: others });
  if (records === null) return { ...stored, records };
  return { ...stored, records: withObjectsText(records, output.slice(OBJECTS_FIRST.length, end)) };
}

/** Records whose objects are text, and are read from it whenever somebody wants them. */
export function withObjectsText(
  others: Omit<Records, "objects" | "objectsJson">,
  objectsJson: string,
): Records {
  return {
    ...others,
    objectsJson,
    get objects() {
      return JSON.parse(objectsJson) as readonly OpenKatObject[];
    },
  };
}

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
