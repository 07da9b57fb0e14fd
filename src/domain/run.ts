import type { Limits } from "./limits.ts";
import type { LogEntry, Models, Outcome, Protection, Usage } from "./outcome.ts";
import type { StatePolicy } from "./package.ts";
import type { Records } from "./record.ts";

/**
 * The phases of a run, one after another. Under `whiskers supervise` it waited in the queue (`claim`) and, with its raw
 * file, for a slot (`wait`). `prepare` is what the sandbox layer does before and around the next three: probing
 * runtimes, making the package ready, waiting for room. `handOver` is over when the last byte of the raw file was
 * written; what the guest did meanwhile is in it. `decode` is reading JSON, `validate` all else that is done to records.
 */
export const PHASES = [
  "claim",
  "package",
  "fetch",
  "wait",
  "prepare",
  "open",
  "handOver",
  "run",
  "decode",
  "validate",
  "deliver",
] as const;

/** `total` is from taking the task, with a slot for it, to the receipt. */
export type Phase = (typeof PHASES)[number] | "total";

/** Where a run came from and what it was: enough to say which code made which output from which input. */
export interface RunRecord {
  readonly taskId: string;
  readonly normalizer: { readonly id: string; readonly version: string | null };
  /** `sha256:<hex>` of the package. */
  readonly packageDigest: string;
  /** Interpreter and all else that the run depended on and the package does not hold. */
  readonly environment: { readonly name: string; readonly version: string; readonly digest: string | null };
  /** Of a normalizer of OpenKAT's convention, as its guest says: whose classes it used. */
  readonly models?: Models;
  readonly rawId: string;
  readonly rawBytes: number;
  /** Lower-case hex, as are the following. */
  readonly rawSha256: string;
  /** Of the NormalizerMeta's JSON as it was handed over. */
  readonly metaSha256: string;
  /** Of the valid records, also of a run that failed. */
  readonly outputSha256: string;
  readonly runtime: { readonly driver: string; readonly version: string };
  readonly state: StatePolicy;
  readonly limits: Limits;
  /** Milliseconds per phase. */
  readonly timingsMs: Readonly<Record<Phase, number>>;
  readonly usage: Usage;
  readonly protections: readonly Protection[];
  /**
   * Id of the run that gave the output, when this one was not run: code, input and surroundings were the same. What is said
   * of the runtime and its protections is then that run's.
   */
  readonly cached?: string;
}

/** What became of the records of one run. */
export interface Receipt {
  /** Name of the sink; null when nothing was delivered, because the run failed or nobody asked for it. */
  readonly sink: string | null;
}

/** One task, done. */
export interface Run {
  readonly outcome: Outcome;
  /** Of a failed run: what was valid until then, to be read, never delivered. */
  readonly records: Records;
  readonly logs: readonly LogEntry[];
  readonly logBytesDropped: number;
  readonly record: RunRecord;
  /** Under which its output was looked for among those of earlier runs; absent: it was not. */
  readonly cacheKey?: string;
  readonly receipt: Receipt;
}
