import type { StatePolicy } from "../domain/package.ts";

/**
 * One way to run the benchmark's normalizer (4 kB in, 200 objects out): a row of the table. What cannot be measured
 * of it is absent. A new kind of row is a new function that returns some of these: src/bench/every-way.ts.
 */
export interface Way {
  readonly name: WayName;
  /** What does it, with its version. */
  readonly version: string;
  /** From nothing to the first answer. Absent: every run is one. */
  readonly start?: (signal: AbortSignal) => Promise<Start>;
  /** Runs for about so long, so many at once. What is warm between runs is warm before the first. */
  readonly runs: (budgetMs: number, atOnce: number, signal: AbortSignal) => Promise<Runs>;
  /** Proportional set size of everything that is there for so many idle sandboxes, each of which did a run. */
  readonly idleBytes?: (count: number, signal: AbortSignal) => Promise<number>;
}

export interface WayName {
  /** `in-process`, `python3 -c`, `docker run`, or the name of a runtime. */
  readonly runtime: string;
  /** `bare`: an interpreter that does nothing. */
  readonly how: StatePolicy | "call" | "per run" | "bare";
  readonly language: "python" | "javascript" | "wasm";
}

export interface Start {
  readonly answerMs: number;
  /** Until the guest said that it is ready. */
  readonly readyMs: number;
}

export interface Runs {
  readonly ms: readonly number[];
  readonly seconds: number;
}

/** Runs again and again in so many lanes, each at least once, until the time is over. */
export async function runFor(
  budgetMs: number,
  atOnce: number,
  signal: AbortSignal,
  run: () => Promise<void>,
): Promise<Runs> {
  const ms: number[] = [];
  const startedMs = performance.now();
  const lanes = Array.from({ length: atOnce }, async () => {
    do {
      signal.throwIfAborted();
      const runStartedMs = performance.now();
      await run();
      ms.push(performance.now() - runStartedMs);
    } while (performance.now() - startedMs < budgetMs);
  });
  await Promise.all(lanes);
  return { ms, seconds: (performance.now() - startedMs) / 1000 };
}

/** `subprocess:bubblewrap fork python` */
export function titleOf({ runtime, how, language }: WayName): string {
  return `${runtime} ${how} ${language}`;
}
