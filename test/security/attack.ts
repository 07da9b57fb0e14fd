import type { Capabilities } from "../../src/sandbox/driver.ts";
import type { Limits } from "../../src/domain/limits.ts";
import type { StatePolicy } from "../../src/domain/package.ts";
import type { ErrorCode } from "../../src/errors.ts";

/** How a run may end. */
export type Ending = "succeeded" | ErrorCode;

/** One hostile guest: what it tries and what has to come of it. The guest itself is `attacks/<name>/`. */
export interface Attack {
  readonly name: string;
  readonly group: AttackGroup;
  /** One phrase for docs/isolation.md. */
  readonly tries: string;
  /** How its run, or its first run, may end. */
  readonly ends: readonly Ending[];
  /** Given: there is a second run, with `turn` 2, on whatever the first one left. How that one may end. */
  readonly secondEnds?: readonly Ending[];
  /** State policies to run it under; `fresh` alone when not given. */
  readonly states?: readonly StatePolicy[];
  /** Over ATTACK_LIMITS. */
  readonly limits?: Partial<Limits>;
  /** How many attempts the guest has to report at least; whatever it reports, none may get through. */
  readonly attempts?: number;
  /** Attempts that may get through, each with the reason why that is no harm. */
  readonly allowed?: Readonly<Record<string, string>>;
  /** Attempts that get through where there is no sandbox: the proof that they can. See `unconfined.test.ts`. */
  readonly unconfined?: readonly string[];
  /** Judges of what the guest measured; each of these facts has to be reported by a run that succeeded. */
  readonly facts?: Readonly<Record<string, (value: unknown, limits: Limits) => boolean>>;
  /** Judge of everything together, for what no other column says. */
  readonly judge?: (runs: readonly Evidence[], limits: Limits) => void;
  /** Needs a driver that can this; skipped otherwise. */
  readonly needs?: "memoryLimit" | "sharesKernel";
  /** Runs on this root filesystem: hostile-root.ts. Skipped by drivers that run packages on the machine's own. */
  readonly root?: "links" | "privileges";
  /** Size of the raw file, when it has to be large, bytes. */
  readonly rawBytes?: number;
}

export type AttackGroup =
  | "network"
  | "reading"
  | "writing"
  | "resources"
  | "floods"
  | "time"
  | "processes"
  | "kernel"
  | "containers"
  | "protocol"
  | "text"
  | "state";

/** What the harness saw of one run. */
export interface Evidence {
  readonly ending: Ending;
  readonly message: string;
  readonly attempts: readonly Attempt[];
  readonly facts: Readonly<Record<string, unknown>>;
  /** All records that parse, the first few megabytes of them. */
  readonly records: readonly unknown[];
  readonly recordBytes: number;
  readonly logs: readonly string[];
}

export interface Attempt {
  readonly attempt: string;
  readonly gotThrough: boolean;
  readonly detail: string;
}

/** Small, so that the suite is quick and reaching a limit harms nobody. */
export const ATTACK_LIMITS: Limits = Object.freeze({
  wallMs: 4000,
  startMs: 15_000,
  memoryBytes: 128 << 20,
  processes: 32,
  openFiles: 64,
  tmpBytes: 8 << 20,
  outputBytes: 16 << 20,
  records: 50_000,
  logBytes: 16 << 10,
  logFloodBytes: 1 << 20,
  frameBytes: 8 << 20,
  jsonDepth: 64,
  cpus: 1,
});

/**
 * Why an attack cannot be tried on this driver, or null. `kernelCountsMemory`: the driver has a limit of memory
 * here that the kernel or a hypervisor keeps, over all processes of a sandbox; not one per process, nor a look
 * from time to time.
 */
export function whyNot(
  attack: Attack,
  kind: "python" | "javascript" | "command",
  capabilities: Capabilities,
  kernelCountsMemory: boolean,
  sharesKernel: boolean,
): string | null {
  if (!capabilities.guests.includes(kind)) return `the driver starts no ${kind} guests`;
  if (attack.needs === "memoryLimit" && !(capabilities.memoryLimit && kernelCountsMemory)) {
    return "no memory limit over all processes here (no writable cgroup)";
  }
  if (attack.root !== undefined && !capabilities.roots)
    return "the driver runs packages on what the machine has";
  if (attack.needs === "sharesKernel" && !sharesKernel) return "the guest has a kernel of its own";
  return null;
}
