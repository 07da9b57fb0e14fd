import type { Phase } from "../domain/run.ts";

/** Measures the phases of one run. */
export interface PhaseClock {
  /** Adds the time that `work` takes to a phase, also when it fails. */
  time<T>(phase: Phase, work: () => T | Promise<T>): Promise<T>;
  /** What was spent until now, with phases that someone else measured; `total` runs since the start. */
  read(measuredElsewhere: Partial<Record<Phase, number>>): Readonly<Record<Phase, number>>;
}

export function startPhaseClock(): PhaseClock {
  const startedMs = performance.now();
  const spent = { fetch: 0, package: 0, open: 0, run: 0, validate: 0, deliver: 0, total: 0 };
  return {
    async time(phase, work) {
      const beganMs = performance.now();
      try {
        return await work();
      } finally {
        spent[phase] += performance.now() - beganMs;
      }
    },
    read: (measuredElsewhere) => ({
      ...spent,
      ...measuredElsewhere,
      total: performance.now() - startedMs,
    }),
  };
}
