import type { Run } from "../../domain/run.ts";
import type { Inputs } from "../../raw/input.ts";
import type { ErrorDocument } from "../complain.ts";
import type { Change } from "./watch-files.ts";

/** Who is told of what `--watch` does: a person, or a program. */
export interface WatchReport {
  /** Runs begin. @param change what was saved; null: nothing yet, it is the first time */
  begin(change: Change | null, chosen: Inputs): Promise<void>;
  add(name: string, run: Run, change: Change | null): Promise<void>;
  /** It could not be run. */
  complain(error: ErrorDocument, change: Change | null): Promise<void>;
  /** All were run, and the next save is waited for. */
  end(): Promise<void>;
}
