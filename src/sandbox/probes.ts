import type { Driver, Probe } from "./driver.ts";

/** What did not work is tried again no sooner than after this, milliseconds, */
export const AGAIN_MS = 30_000;
/** nor than after so many times as long as the trying took: whoever needs it waits for that. */
const AGAIN_TIMES = 20;

interface Tried {
  readonly probe: Promise<Probe>;
  /** Infinity while it is being tried, and where it works. */
  againAtMs: number;
}

/**
 * Which drivers work here, each tried for real. What works is remembered. What does not may work later, in a process that
 * lives for months: an engine is started after it, or a machine was too busy for a trivial guest to come up in time.
 */
export class Probes {
  readonly #againMs: number;
  readonly #tried = new Map<Driver, Tried>();

  constructor(againMs = AGAIN_MS) {
    this.#againMs = againMs;
  }

  /** What is known of it; it is tried when that is nothing. */
  of(driver: Driver): Promise<Probe> {
    return (this.#tried.get(driver) ?? this.#try(driver)).probe;
  }

  /** The same; one that did not work some time ago is tried again. */
  ofNow(driver: Driver): Promise<Probe> {
    const tried = this.#tried.get(driver);
    if (tried === undefined || performance.now() < tried.againAtMs) return this.of(driver);
    return this.#try(driver).probe;
  }

  #try(driver: Driver): Tried {
    const startedAtMs = performance.now();
    const tried: Tried = { probe: driver.probe(), againAtMs: Infinity };
    this.#tried.set(driver, tried);
    void tried.probe.then(({ available }) => {
      const nowMs = performance.now();
      if (!available) tried.againAtMs = nowMs + Math.max(this.#againMs, AGAIN_TIMES * (nowMs - startedAtMs));
      return null;
    });
    return tried;
  }
}
