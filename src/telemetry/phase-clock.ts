import type { Phase } from "../domain/run.ts";

/** Measures the phases of one run. */
export interface PhaseClock {
  /** Adds the time that `work` takes to a phase, also when it fails. */
  time<T>(phase: Phase, work: () => T | Promise<T>): Promise<T>;
  /** What was spent until now, with the parts of `prepare` that someone measured inside; `total` runs since the start. */
  read(inside: { readonly open: number; readonly run: number }): Readonly<Record<Phase, number>>;
}

export function startPhaseClock(): PhaseClock {
  const startedMs = performance.now();
  const spent = { package: 0, fetch: 0, prepare: 0, validate: 0, deliver: 0, open: 0, run: 0, total: 0 };
  return {
    async time(phase, work) {
      const beganMs = performance.now();
      try {
        return await work();
      } finally {
        spent[phase] += performance.now() - beganMs;
      }
    },
    read: ({ open, run }) => ({
      ...spent,
      prepare: Math.max(0, spent.prepare - open - run),
      open,
      run,
      total: performance.now() - startedMs,
    }),
  };
}
