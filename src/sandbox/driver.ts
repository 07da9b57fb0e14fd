import type { Readable, Writable } from "node:stream";

import type { Limits } from "../domain/limits.ts";
import type { Protection, Usage } from "../domain/outcome.ts";
import type { Guest, Package, StatePolicy } from "../domain/package.ts";

/**
 * The driver contract: what a runtime has to offer so that the conductor can run guests in it.
 *
 * Drivers are dumb. Deadlines, output caps, first-cause-wins, kill escalation, the guest protocol,
 * pooling and the state policies are written once, in front of them (`conduct.ts`, `guest-link.ts`,
 * `pool.ts`). No type of a runtime's own crosses this line. Whoever uses drivers asks
 * `capabilities`, never names. `test/contract/driver.ts` is run by every driver.
 */
export interface Driver {
  readonly name: string;
  readonly capabilities: Capabilities;

  /** Does it work on this machine, now? Tries it for real. Never throws; the answer explains itself. */
  probe(): Promise<Probe>;

  /**
   * Makes a package ready to be opened many times: finds its interpreter, unpacks, compiles.
   * Idempotent, cached by digest.
   * @throws WhiskersError `environment-missing`, `runtime-unavailable`, `sandbox-failed`
   */
  prepare(pkg: Package): Promise<Prepared>;

  /**
   * Starts one sandbox with the package's guest in it. Returns once the process exists; the guest
   * says by itself when it is ready.
   * @throws WhiskersError `sandbox-failed`
   */
  open(prepared: Prepared, request: OpenRequest): Promise<Sandbox>;

  /** Ends what it keeps between sandboxes. Every sandbox is closed by then. Idempotent. Absent: it keeps nothing. */
  close?(): Promise<void>;
}

export interface Capabilities {
  /** Isolates hostile code at all. */
  readonly isolates: boolean;
  /** Guests have a kernel of their own: a hole in the machine's is not enough to get out. Absent: they share it. */
  readonly ownKernel?: boolean;
  /** Its memory limit is kept by the kernel or hypervisor for all processes together. */
  readonly memoryLimit: boolean;
  /** A guest that can fork may be used with state policy `fork`. */
  readonly fork: boolean;
  /** A package can run on a root filesystem of its own: `Package.root`. Else it runs on what the machine has. */
  readonly roots: boolean;
  /** It can run no other packages: nothing of what the machine has is to be seen in it. */
  readonly needsRoot?: boolean;
  /** A fresh sandbox costs so little that it is the default. Absent: it does not. */
  readonly cheapFresh?: boolean;
  /** Kinds of guest that it can start. */
  readonly guests: readonly Guest["kind"][];
  /** What is put into a package's folder is seen in a sandbox that is open: `Package.loadsLate`. Absent: not. */
  readonly lateCode?: boolean;
}

export type Probe =
  | {
      readonly available: true;
      /** What it is made of, with versions, for people and run records: `bubblewrap 0.8.0`. */
      readonly version: string;
      readonly protections: readonly Protection[];
      /** What would make it stronger or faster here, and how to get it. Empty: nothing. */
      readonly advice: readonly string[];
    }
  | { readonly available: false; readonly reason: string; readonly remedy: string };

/** Opaque to all but the driver that made it. */
export interface Prepared {
  readonly pkg: Package;
  /** Of the interpreter and everything else that the run depends on and the package does not hold. */
  readonly environment: { readonly name: string; readonly version: string; readonly digest: string | null };
}

export interface OpenRequest {
  readonly limits: Limits;
  readonly state: StatePolicy;
  /**
   * Files for the guest to read, placed in `/whiskers/` by base name; the plain form gets its meta
   * this way. Empty for guests that speak the protocol.
   */
  readonly files: readonly { readonly name: string; readonly content: Uint8Array }[];
}

/**
 * One running sandbox: a byte stream in both directions, plus the power to end it.
 * The guest is hostile: nothing here may trust a byte from `output` or `errors`.
 */
export interface Sandbox {
  /** Unique on this machine while it lives; names its cgroup, container or VM. */
  readonly id: string;
  readonly runtime: { readonly driver: string; readonly version: string };
  readonly protections: readonly Protection[];
  /** To the guest's stdin (or device). Errors (EPIPE) are swallowed by the driver: `ended` tells. */
  readonly input: Writable;
  /**
   * From the guest's stdout (or device). Nothing of it may be lost before the caller of `open` listens:
   * Node throws away what nobody has read of a child that exits, so return in the turn of the spawn or pause.
   */
  readonly output: Readable;
  /** What the guest prints beside it. */
  readonly errors: Readable;
  /** Resolves, never rejects, when no process of the sandbox is left. */
  readonly ended: Promise<Ending>;
  /**
   * `terminate` asks every process of the sandbox to end (SIGTERM); `kill` ends them without asking,
   * and cannot be escaped. Idempotent.
   */
  signal(how: "terminate" | "kill"): void;
  /** Since the sandbox was opened. */
  usage(): Promise<Usage>;
  /** Kills what still lives, waits for `ended`, removes every trace (cgroup, files, mounts). Idempotent. */
  close(): Promise<void>;
}

export interface Ending {
  readonly exitCode: number | null;
  readonly signal: string | null;
  /** The kernel's (or hypervisor's) memory limit of this sandbox killed a process. */
  readonly outOfMemory: boolean;
  /** The runtime's own complaint, when it failed before the guest ran: blame the platform, not the guest. */
  readonly runtimeError: string | null;
}
