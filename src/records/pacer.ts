import { setImmediate } from "node:timers/promises";

/** Short enough for other runs' frames and deadlines; long enough that a small output is done in one go. */
const SLICE_MS = 8;
const CALLS_PER_LOOK = 32;

/** Says when long work has held the event loop for long enough, and lets others go first. */
export interface Pacer {
  isDue(): boolean;
  rest(): Promise<void>;
}

export function startPacer(): Pacer {
  let calls = 0;
  let startedMs = performance.now();
  return {
    isDue() {
      calls += 1;
      return calls % CALLS_PER_LOOK === 0 && performance.now() - startedMs > SLICE_MS;
    },
    async rest() {
      await setImmediate();
      startedMs = performance.now();
    },
  };
}
