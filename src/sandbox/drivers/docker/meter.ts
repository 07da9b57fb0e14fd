import type { Usage } from "../../../domain/outcome.ts";
import { isObject } from "../../../domain/unknown.ts";
import type { CgroupView } from "../../cgroup/cgroup.ts";
import { UNKNOWN_USAGE } from "../../read-usage.ts";
import { ProcessWatchdog } from "../process-watchdog.ts";
import type { Engine } from "./engine.ts";
import { isInit } from "./init.ts";

/** Measures one container. What it says last stays true when the container is gone. */
export interface Meter {
  usage(): Promise<Usage>;
  /** Remembers what can be seen without waiting. */
  look(): void;
  outOfMemory(): boolean;
  /** Ends every process of it, where that is quicker than asking the engine. */
  kill(): void;
}

/** By the kernel's own files: the engine is on this machine. */
export class CgroupMeter implements Meter {
  readonly #cgroup: CgroupView;
  #last: Usage = UNKNOWN_USAGE;
  #outOfMemory = false;

  constructor(cgroup: CgroupView) {
    this.#cgroup = cgroup;
  }

  usage(): Promise<Usage> {
    this.look();
    return Promise.resolve(this.#last);
  }

  look(): void {
    this.#outOfMemory ||= this.#cgroup.outOfMemory();
    const now = this.#cgroup.usage();
    this.#last = {
      cpuMs: now.cpuMs ?? this.#last.cpuMs,
      // A cgroup that is gone measures nothing, or zero.
      peakMemoryBytes: Math.max(now.peakMemoryBytes ?? 0, this.#last.peakMemoryBytes ?? 0) || null,
    };
  }

  outOfMemory(): boolean {
    return this.#outOfMemory;
  }

  kill(): void {
    this.#cgroup.kill();
  }
}

/** An engine needs tens of milliseconds to say how much a container used. */
const FRESH_MS = 1000;

/** By the engine's word. */
export class StatsMeter implements Meter {
  readonly #engine: Engine;
  readonly #container: string;
  #last: Usage = UNKNOWN_USAGE;
  #askedAtMs = -Infinity;

  constructor(engine: Engine, container: string) {
    this.#engine = engine;
    this.#container = container;
  }

  async usage(): Promise<Usage> {
    if (performance.now() - this.#askedAtMs < FRESH_MS) return this.#last;
    this.#askedAtMs = performance.now();
    const query = { stream: "0", "one-shot": "1" };
    const stats = await this.#engine
      .ask("GET", `/containers/${this.#container}/stats`, { query })
      .catch(() => null);
    const cpuNs = numberAt(stats, "cpu_stats", "cpu_usage", "total_usage");
    // Version 2 of cgroups tells engines no peak: the highest of what we have seen must do.
    const peak =
      numberAt(stats, "memory_stats", "max_usage") ?? numberAt(stats, "memory_stats", "usage") ?? 0;
    this.#last = {
      cpuMs: cpuNs === null || cpuNs === 0 ? this.#last.cpuMs : cpuNs / 1e6,
      peakMemoryBytes: Math.max(peak, this.#last.peakMemoryBytes ?? 0) || null,
    };
    return this.#last;
  }

  look(): void {
    // The engine has to be asked.
  }

  outOfMemory(): boolean {
    return false;
  }

  kill(): void {
    // The engine does it.
  }
}

function numberAt(value: unknown, ...keys: readonly string[]): number | null {
  let at = value;
  for (const key of keys) at = isObject(at) ? at[key] : undefined;
  return typeof at === "number" ? at : null;
}

/** By what its processes use, summed up by us: no cgroup counts them. Short peaks escape it. */
export class WatchdogMeter implements Meter {
  readonly #pid: number;
  readonly #watchdog: ProcessWatchdog;

  /** @param pid of its init; when that has ended there is nothing to measure */
  constructor(pid: number, memoryBytes: number) {
    this.#pid = pid;
    this.#watchdog = new ProcessWatchdog(memoryBytes);
  }

  usage(): Promise<Usage> {
    this.look();
    return Promise.resolve(this.#watchdog.usage());
  }

  look(): void {
    if (isInit(this.#pid)) this.#watchdog.look(this.#pid);
  }

  outOfMemory(): boolean {
    return this.#watchdog.outOfMemory();
  }

  kill(): void {
    // The engine does it.
  }
}
