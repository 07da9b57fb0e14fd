/**
 * Promises that are settled when we say so: a component's `run` is not asynchronous, so the engine's own would be settled
 * after it. `async` is made of these when a component is bundled. Imported first of all.
 */
import "./no-timers.ts";
import SettledLater from "promise-polyfill";

const waiting: (() => void)[] = [];

SettledLater._immediateFn = (work) => {
  waiting.push(work);
};
SettledLater._unhandledRejectionFn = (): void => {};
globalThis.Promise = SettledLater;
globalThis.queueMicrotask = (work): void => {
  waiting.push(work);
};

/** Until nothing waits any more. */
export function settle(): void {
  for (let at = 0; at < waiting.length; at += 1) waiting[at]?.();
  waiting.length = 0;
}
