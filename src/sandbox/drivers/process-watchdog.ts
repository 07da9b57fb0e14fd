import type { Usage } from "../../domain/outcome.ts";
import { cpuMsOf, listTree, proportionalBytesOf, residentBytesOf } from "./process-tree.ts";

/** Sums up what /proc says of a process and of all that descend from it, where no cgroup counts them. Short peaks escape it. */
export class ProcessWatchdog {
  readonly #memoryBytes: number;
  #exceeded = false;
  #cpuMs = 0;
  #peakBytes = 0;

  constructor(memoryBytes: number) {
    this.#memoryBytes = memoryBytes;
  }

  look(initPid: number): void {
    const pids = listTree(initPid);
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

  /** What was seen. */
  usage(): Usage {
    return { cpuMs: this.#cpuMs, peakMemoryBytes: this.#peakBytes === 0 ? null : this.#peakBytes };
  }

  outOfMemory(): boolean {
    return this.#exceeded;
  }
}

function sum(pids: readonly number[], measure: (pid: number) => number): number {
  return pids.reduce((total, pid) => total + measure(pid), 0);
}
