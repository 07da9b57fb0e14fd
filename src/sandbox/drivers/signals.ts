import { constants } from "node:os";

/** Shells and inits report a guest that signal n ended as 128 + n. */
export const SIGNAL_BASE = 128;

/** `SIGKILL` of 9; null: there is none. */
export function signalName(number: number): string | null {
  return Object.entries(constants.signals).find(([, value]) => value === number)?.[0] ?? null;
}

/** A process that is gone, or somebody else's, is none of our business. */
export function send(pid: number, signal: "SIGTERM" | "SIGKILL"): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It is gone.
  }
}
