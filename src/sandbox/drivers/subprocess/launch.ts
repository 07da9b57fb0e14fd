import type { Limits } from "../../../domain/limits.ts";
import { NAMESPACE_FD } from "../../view/mount-namespace.ts";
import type { Entry } from "../../view/view.ts";

/** Descriptors of the launching programs. The guest gets 0, 1 and 2 alone. */
export const FD = Object.freeze({ status: 3, seccomp: 4, stage: NAMESPACE_FD, firstFile: 6 });

/** All that a variant needs to know to start one sandbox. */
export interface Launch {
  /** In order: a parent comes before what is in it. */
  readonly entries: readonly Entry[];
  /** Where the sandbox's user finds what this process knows under another path. */
  placeOf(source: string): string;
  /** Files to place, by path inside; the content of the n-th comes from descriptor `FD.firstFile` + n. */
  readonly files: readonly string[];
  readonly seccomp: boolean;
  /** It shares the network of this machine. */
  readonly network: boolean;
  /** Folder inside to start in. */
  readonly workingFolder: string;
  readonly argv: readonly string[];
  readonly limits: Limits;
  /** RLIMIT_NPROC is to be set inside, because the user has processes outside. */
  readonly limitProcessesInside: boolean;
}

/** A way to make a sandbox from namespaces. */
export interface Variant {
  /** `bubblewrap 0.8.0` */
  readonly version: string;
  /** What it needs to be visible inside for itself. */
  readonly entries: readonly Entry[];
  /** Whether no program of the host has to run inside, with the libraries that are there, to confine the guest. */
  readonly roots: boolean;
  /** Whether it can load a seccomp filter. */
  readonly seccomp: boolean;
  /** Makes ready for these entries. Returns what the sandbox's user must be able to reach besides their sources. */
  prepare(entries: readonly Entry[]): Promise<readonly string[]>;
  /** Command line that sets up the sandbox and starts the guest in it. Says so on `FD.status`: status.ts. */
  command(launch: Launch): readonly string[];
}
