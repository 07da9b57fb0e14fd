import type { ErrorCode } from "../errors.ts";
import type { Limits } from "./limits.ts";
import type { StatePolicy } from "./package.ts";

/** How a run ended. A normalizer's trouble is a value of this type; the platform's trouble is thrown. */
export type Outcome =
  | { readonly status: "succeeded" }
  | {
      readonly status: "failed";
      /** Row of `src/errors.ts`: says whose fault it is and whether a retry may help. */
      readonly code: ErrorCode;
      /** One sentence for people, control characters stripped. */
      readonly message: string;
      /** What the guest said of its own failure: exception type and stack. Untrusted text, cleaned. */
      readonly guestError?: { readonly type: string; readonly message: string; readonly stack: string };
    };

export type LogLevel = "debug" | "info" | "warning" | "error";

/** One line that a normalizer logged or printed. Untrusted text, control characters stripped. */
export interface LogEntry {
  readonly level: LogLevel;
  readonly message: string;
  /** `log` (through the SDK), `stderr` (printed). */
  readonly source: "log" | "stderr";
}

export interface Usage {
  /** CPU time of the run, all processes, milliseconds; null where the driver cannot tell. */
  readonly cpuMs: number | null;
  /** Highest memory use of the sandbox so far, bytes; null where the driver cannot tell. */
  readonly peakMemoryBytes: number | null;
}

/** One protection, and what puts it in force here; `by` is null when it is not in force. */
export interface Protection {
  readonly name: ProtectionName;
  readonly by: string | null;
}

export type ProtectionName =
  | "user-namespace"
  | "mount-namespace"
  | "pid-namespace"
  | "network-namespace"
  | "ipc-namespace"
  | "uts-namespace"
  | "cgroup-namespace"
  | "read-only-root"
  | "private-tmp"
  | "no-new-privileges"
  | "no-capabilities"
  | "unprivileged-uid"
  | "seccomp"
  | "memory-limit"
  | "process-limit"
  | "file-size-limit"
  | "open-files-limit"
  | "cpu-limit";

/** Whose classes for OpenKAT's objects a normalizer of its convention used: its own, or the stand-in of them. */
export type Models = "installed" | "stand-in";

/** What the sandbox layer returns of one run. Records went to the sink while it ran. */
export interface RunResult {
  readonly outcome: Outcome;
  readonly logs: readonly LogEntry[];
  /** Log bytes that were dropped because `logBytes` was reached. */
  readonly logBytesDropped: number;
  readonly usage: Usage;
  /** Milliseconds per phase: `open` (until ready; 0 when warm), `handOver` (until its raw files were written), `run`. */
  readonly timingsMs: { readonly open: number; readonly handOver: number; readonly run: number };
  readonly runtime: { readonly driver: string; readonly version: string };
  /** Interpreter and all else that the run depended on and the package does not hold. */
  readonly environment: { readonly name: string; readonly version: string; readonly digest: string | null };
  /** As the guest says; absent: it did not use any. */
  readonly models?: Models;
  readonly state: StatePolicy;
  /** What the run was allowed: the defaults, the package's wishes and the caller's, in rising order. */
  readonly limits: Limits;
  readonly protections: readonly Protection[];
}
