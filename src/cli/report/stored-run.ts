import type { Records } from "../../domain/record.ts";
import type { Run } from "../../domain/run.ts";
import { noTime } from "../../telemetry/phase-clock.ts";
import { readStoredRun, type RunDocument } from "../../supervisor/stored-run.ts";

/** A run from the database in the form in which it once ended; null: the platform failed before there was one. */
export function storedRun(document: RunDocument, output: unknown): Run | null {
  const { record, outcome } = document;
  if (record === undefined) return null;
  const { rejections = [], rejectionsDropped = 0, recordsRejected = 0 } = document;
  const records = readStoredRun({ run: document, output }).records ?? {
    ...NO_RECORDS,
    sha256: record.outputSha256,
  };
  return {
    outcome,
    // What was not kept when it was stored took no time that is known.
    record: { ...record, timingsMs: { ...noTime(), ...record.timingsMs } },
    records: { ...records, rejections, rejectionsDropped, recordsRejected },
    logs: document.logs ?? [],
    logBytesDropped: document.logBytesDropped ?? 0,
    receipt: { sink: null },
  };
}

const NO_RECORDS: Omit<Records, "sha256"> = {
  objects: [],
  declarations: [],
  affirmations: [],
  scanProfiles: [],
  raws: [],
  rejections: [],
  rejectionsDropped: 0,
  recordsRejected: 0,
};
