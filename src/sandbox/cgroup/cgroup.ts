import type { Usage } from "../../domain/outcome.ts";
import type { Controller } from "./hierarchies.ts";

export interface CgroupLimits {
  readonly memoryBytes: number;
  /** Processes and threads. */
  readonly processes: number;
  readonly cpus: number;
}

/** What the kernel counts in the control group of one sandbox, whoever made it. */
export interface CgroupView {
  /** Processes that live in it now. */
  pids(): readonly number[];
  /** The kernel has ended a process in it because of its memory limit. */
  outOfMemory(): boolean;
  /** Since it was made; after `remove` what it was then. */
  usage(): Usage;
  /** Ends every process in it, as far as we may. */
  kill(): void;
}

/** The control group of one sandbox: limits, measures and ends all its processes together. */
export interface Cgroup extends CgroupView {
  /** A process of one thread that writes `0` to each of them is in it, with all that it starts from then on. */
  readonly enterFiles: readonly string[];
  /** Whose number is written to each of them is in it. */
  readonly procsFiles: readonly string[];
  /** Ends what lives in it, waits until it is empty, and removes it. Idempotent. */
  remove(): Promise<void>;
}

/** Where this process may make cgroups. */
export interface CgroupParent {
  /** `cgroup v1` or `cgroup v2`. */
  readonly name: string;
  readonly controllers: ReadonlySet<Controller>;
  /** @throws Error from the file system: the limits could not be set; nothing is left behind */
  create(name: string, limits: CgroupLimits): Cgroup;
  /** Removes cgroups whose names `isStale` says belong to nobody any more. */
  reap(isStale: (name: string) => boolean): Promise<void>;
}
