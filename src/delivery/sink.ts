import type { NormalizerMeta } from "../domain/meta.ts";
import type { Records } from "../domain/record.ts";
import type { Receipt } from "../domain/run.ts";
import type { Task } from "../domain/task.ts";

/** Takes the records of a succeeded run to where they belong, all or nothing. */
export interface Sink {
  readonly name: string;
  /** May be called again for the same task after a failure: delivering twice must count once. */
  deliver(task: Task, meta: NormalizerMeta, records: Records, signal: AbortSignal): Promise<Receipt>;
}
