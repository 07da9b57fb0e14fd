import { constants } from "node:os";

import type { Ending } from "../driver.ts";

/** Shells and inits report a guest that signal n ended as 128 + n. */
export const SIGNAL_BASE = 128;

/** `SIGKILL` of 9; null: there is none. */
export function signalName(number: number): string | null {
  return Object.entries(constants.signals).find(([, value]) => value === number)?.[0] ?? null;
}

/** Name of the signal that a status tells of; null: it tells of none. */
export function signalOfStatus(status: number): string | null {
  return signalName(status - SIGNAL_BASE);
}

/** How a guest ended, of the status that its init or its shell ended with. */
export function endOfStatus(status: number): Pick<Ending, "exitCode" | "signal"> {
  const signal = signalOfStatus(status);
  return signal === null ? { exitCode: status, signal } : { exitCode: null, signal };
}

/** A process that is gone, or somebody else's, is none of our business. */
export function send(pid: number, signal: "SIGTERM" | "SIGKILL"): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It is gone.
  }
}
