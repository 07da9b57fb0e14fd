/**
 * Starts the guest in a process of its own: `node start.ts`, with WHISKERS_PACKAGE,
 * WHISKERS_ENTRYPOINT (`file:export`) and WHISKERS_STATE set. The protocol runs over descriptors 0
 * and 1. Node cannot move those away, so what prints goes through `process.stdout`, which is made to
 * be standard error; whoever writes to descriptor 1 himself breaks the protocol, and his own run.
 */
import { stripTypeScriptTypes } from "node:module";
import { Readable } from "node:stream";

import type { FrameLock } from "./debug.ts";
import { descriptorStream } from "./descriptor-stream.ts";
import { BadInput } from "./frames.ts";
import { Guest } from "./guest.ts";
import { loadFunction } from "./load-function.ts";

const EXIT_BAD_INPUT = 65;

const printed = process.stderr;
Object.defineProperty(process, "stdout", { get: () => printed, configurable: true });
Object.defineProperty(process, "stdin", { get: () => Readable.from([]), configurable: true });

let lock: FrameLock | null = null;
const stream = descriptorStream(0, 1);
const guest = new Guest(
  {
    fill: (target) => stream.fill(target),
    write: (bytes) => {
      if (lock === null) return stream.write(bytes);
      lock.hold(() => void stream.write(bytes));
    },
  },
  async (run) => {
    const { waitForDebugger } = await import("./debug.ts");
    lock = await waitForDebugger({ input: 0, output: 1, run, folder: process.env["WHISKERS_PACKAGE"] ?? "" });
  },
);

// Whatever ends the process in the middle of a run is said to the host first.
process.on("beforeExit", () => {
  guest.abandon("NeverSettled", "nothing is left to do, and it still waits for a promise");
});
process.on("exit", (code) => {
  guest.abandon("Exit", `called process.exit(${code}) before it was done`);
});
process.on("uncaughtException", (error) => {
  guest.fail(error);
  process.exit(1);
});

try {
  const load = (): Promise<unknown> =>
    loadFunction(
      process.env["WHISKERS_PACKAGE"] ?? "",
      process.env["WHISKERS_ENTRYPOINT"] ?? "",
      process.env["WHISKERS_DEPENDENCIES"] ?? null,
    );
  const state = process.env["WHISKERS_STATE"] === "reuse" ? "reuse" : "fresh";
  const loads = process.env["WHISKERS_LOADS"] === "late" ? "late" : "ahead";
  // Node.js loads what strips types when it is first wanted, which would be in the run.
  if (loads === "late") stripTypeScriptTypes("");
  process.exit((await guest.serve(load, state, loads)) ? 0 : 1);
} catch (error) {
  if (!(error instanceof BadInput)) throw error;
  printed.write(`whiskers: ${error.message}\n`);
  process.exit(EXIT_BAD_INPUT);
}
