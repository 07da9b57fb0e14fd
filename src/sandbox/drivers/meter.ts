import type { Usage } from "../../domain/outcome.ts";
import type { Cgroup } from "../cgroup/cgroup.ts";
import { cpuMsOf, listTree, proportionalBytesOf, residentBytesOf } from "./process-tree.ts";

/** Measures the processes of one sandbox and knows when they have used too much memory. */
export interface Meter {
  /** From now on; `exceeded` is called once when the sandbox is to be ended for its memory use. */
  start(initPid: number, exceeded: () => void): void;
  stop(): void;
  usage(): Usage;
  outOfMemory(): boolean;
  /** All processes, the launching ones too; null: it does not know them. */
  pids(): readonly number[] | null;
  kill(): void;
}

/** Between two looks whether the kernel has ended a process for its memory, milliseconds. */
const OOM_LOOK_MS = 100;
/** Between two sums of a sandbox's memory where the kernel keeps none, milliseconds. */
const WATCHDOG_MS = 50;

/** Everything by the kernel's own count. */
export class CgroupMeter implements Meter {
  readonly #cgroup: Cgroup;
  #timer: NodeJS.Timeout | null = null;

  constructor(cgroup: Cgroup) {
    this.#cgroup = cgroup;
  }

  /** The kernel ends one process; the others could wait for it for ever. Version 2 ends them by itself. */
  start(_initPid: number, exceeded: () => void): void {
    this.#timer = setInterval(() => {
      if (!this.#cgroup.outOfMemory()) return;
      this.stop();
      exceeded();
    }, OOM_LOOK_MS);
    this.#timer.unref();
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
  }

  usage(): Usage {
    return this.#cgroup.usage();
  }

  outOfMemory(): boolean {
    return this.#cgroup.outOfMemory();
  }

  pids(): readonly number[] {
    return this.#cgroup.pids();
  }

  kill(): void {
    this.#cgroup.kill();
  }
}

/** Sums up what /proc says, again and again, where no cgroup can be had. Short peaks escape it. */
export class WatchdogMeter implements Meter {
  readonly #memoryBytes: number;
  #initPid: number | null = null;
  #timer: NodeJS.Timeout | null = null;
  #exceeded = false;
  #cpuMs = 0;
  #peakBytes = 0;

  constructor(memoryBytes: number) {
    this.#memoryBytes = memoryBytes;
  }

  start(initPid: number, exceeded: () => void): void {
    this.#initPid = initPid;
    this.#timer = setInterval(() => {
      this.#look();
      if (!this.#exceeded) return;
      this.stop();
      exceeded();
    }, WATCHDOG_MS);
    this.#timer.unref();
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
  }

  usage(): Usage {
    this.#look();
    return { cpuMs: this.#cpuMs, peakMemoryBytes: this.#peakBytes === 0 ? null : this.#peakBytes };
  }

  outOfMemory(): boolean {
    return this.#exceeded;
  }

  pids(): null {
    return null;
  }

  kill(): void {
    // The end of the init is the end of all.
  }

  #look(): void {
    const pids = this.#initPid === null ? [] : listTree(this.#initPid);
    if (pids.length === 0) return;
    this.#cpuMs = Math.max(
      this.#cpuMs,
      sum(pids, (pid) => cpuMsOf(pid)),
    );
    let bytes = sum(pids, residentBytesOf);
    // Forked processes share most of their pages: look closer before judging.
    if (bytes > this.#memoryBytes) bytes = sum(pids, proportionalBytesOf);
    this.#peakBytes = Math.max(this.#peakBytes, bytes);
    this.#exceeded ||= bytes > this.#memoryBytes;
  }
}

function sum(pids: readonly number[], measure: (pid: number) => number): number {
  return pids.reduce((total, pid) => total + measure(pid), 0);
}
