import { type Phase, PHASES } from "../domain/run.ts";

/** What is measured inside of two of the phases: of `prepare`, and of `validate`. */
export interface InnerPhases {
  readonly open: number;
  readonly handOver: number;
  readonly run: number;
  readonly decode: number;
}

/** Measures the phases of one run. */
export interface PhaseClock {
  /** Adds the time that `work` takes to a phase, also when it fails. */
  time<T>(phase: Phase, work: () => T | Promise<T>): Promise<T>;
  /** What was spent until now; `total` runs since the start. */
  read(inside: InnerPhases): Readonly<Record<Phase, number>>;
}

export function startPhaseClock(): PhaseClock {
  const startedMs = performance.now();
  const spent = noTime();
  return {
    async time(phase, work) {
      const beganMs = performance.now();
      try {
        return await work();
      } finally {
        spent[phase] += performance.now() - beganMs;
      }
    },
    read: ({ open, handOver, run, decode }) => ({
      ...spent,
      prepare: Math.max(0, spent.prepare - open - handOver - run),
      open,
      handOver,
      run,
      decode,
      validate: Math.max(0, spent.validate - decode),
      total: performance.now() - startedMs,
    }),
  };
}

/** Nothing was spent on any phase. */
export function noTime(): Record<Phase, number> {
  return Object.fromEntries([...PHASES, "total"].map((phase) => [phase, 0])) as Record<Phase, number>;
}
