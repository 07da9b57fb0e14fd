import type { ChildProcess } from "node:child_process";

import { send, SIGNAL_BASE, signalName } from "../signals.ts";
import type { MachineEnd } from "./monitor.ts";

/** Resolves, never rejects, when the monitor's outermost process has ended. */
export function monitorEnd(child: ChildProcess, complaint: () => string): Promise<MachineEnd> {
  return new Promise((resolve) => {
    child.once("error", ({ message }) => {
      resolve({ signal: null, exitCode: null, complaint: message });
    });
    // Not `close`: a guest may have printed what nobody reads.
    child.once("exit", (exitCode, signal) => {
      setImmediate(() => {
        // What it was started by tells as a shell does how it was ended.
        const by = signal ?? signalName((exitCode ?? 0) - SIGNAL_BASE);
        resolve({ exitCode: by === null ? exitCode : null, signal: by, complaint: complaint().trim() });
      });
    });
  });
}

/** All of the process group that it leads. */
export function killMonitor(child: ChildProcess): void {
  if (child.exitCode === null && child.signalCode === null && child.pid !== undefined)
    send(-child.pid, "SIGKILL");
}
