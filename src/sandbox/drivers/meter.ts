import type { Usage } from "../../domain/outcome.ts";
import type { Cgroup } from "../cgroup/cgroup.ts";
import { ProcessWatchdog } from "./process-watchdog.ts";

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

/** By what its processes use, summed up again and again, where no cgroup can be had. */
export class WatchdogMeter implements Meter {
  readonly #watchdog: ProcessWatchdog;
  #initPid: number | null = null;
  #timer: NodeJS.Timeout | null = null;

  constructor(memoryBytes: number) {
    this.#watchdog = new ProcessWatchdog(memoryBytes);
  }

  start(initPid: number, exceeded: () => void): void {
    this.#initPid = initPid;
    this.#timer = setInterval(() => {
      this.#look();
      if (!this.#watchdog.outOfMemory()) return;
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
    return this.#watchdog.usage();
  }

  outOfMemory(): boolean {
    return this.#watchdog.outOfMemory();
  }

  pids(): null {
    return null;
  }

  kill(): void {
    // The end of the init is the end of all.
  }

  #look(): void {
    if (this.#initPid !== null) this.#watchdog.look(this.#initPid);
  }
}
