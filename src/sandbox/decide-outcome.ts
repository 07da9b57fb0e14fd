import { constants } from "node:os";

import type { Limits } from "../domain/limits.ts";
import type { Outcome } from "../domain/outcome.ts";
import { formatBytes } from "../domain/quantity.ts";
import { WhiskersError } from "../errors.ts";
import type { Ending } from "./driver.ts";
import type { Failed, Opened, RunEnd } from "./link.ts";

/** What ended a phase of a run first. All that happens after it is its consequence and decides nothing. */
export type Cause<T extends Opened | RunEnd = Opened | RunEnd> =
  | { readonly kind: "guest"; readonly end: T }
  | { readonly kind: "time-limit"; readonly message: string }
  | { readonly kind: "cancelled" };

/** protocol/README.md "State policies": how a forking parent says that its child broke the protocol. */
const EXIT_BAD_OUTPUT = 76;

const SUCCEEDED: Outcome = Object.freeze({ status: "succeeded" });

/**
 * The outcome of a run, from its first cause and, where it is known, from how the sandbox ended.
 * `plain`: a program of the plain form, whose exit status is its answer. `heapIsFull`: it printed what
 * V8 prints before it aborts because its heap, which is smaller than the sandbox's memory, is full.
 * @throws WhiskersError `sandbox-failed` the runtime failed, not its guest; and what a link has thrown
 */
export function decideOutcome(
  cause: Cause,
  ending: Ending | null,
  lastErrorLine: string,
  plain: boolean,
  heapIsFull: boolean,
  limits: Limits,
): Outcome {
  switch (cause.kind) {
    case "time-limit":
      return failure("time-limit", cause.message);
    case "cancelled":
      return failure("cancelled", "the run was cancelled");
    case "guest":
      return guestOutcome(cause.end, ending, lastErrorLine, plain, heapIsFull, limits);
  }
}

function guestOutcome(
  end: Opened | RunEnd,
  ending: Ending | null,
  lastErrorLine: string,
  plain: boolean,
  heapIsFull: boolean,
  limits: Limits,
): Outcome {
  switch (end.kind) {
    case "ready":
    case "done":
      return SUCCEEDED;
    case "thrown":
      throw end.error;
    case "broken":
      return failure(end.code, end.message);
    case "failed":
      return ending?.outOfMemory === true ? outOfMemory(limits) : guestFailure(end, limits);
    case "gone":
      if (ending === null)
        return crash("it closed its output before it said that it was done", lastErrorLine);
      if (ending.runtimeError !== null) throw new WhiskersError("sandbox-failed", ending.runtimeError);
      if (ending.outOfMemory) return outOfMemory(limits);
      if (heapIsFull && abortedItself(ending)) {
        const memory = formatBytes(limits.memoryBytes);
        return failure(
          "memory-limit",
          `its JavaScript heap outgrew its share of ${memory}, and Node.js ended itself`,
        );
      }
      if (!plain && ending.exitCode === EXIT_BAD_OUTPUT) {
        return failure("protocol-violation", "its forked child sent a frame that it may not send");
      }
      return plain ? plainFailure(ending, lastErrorLine) : crash(unanswered(ending), lastErrorLine);
  }
}

function guestFailure(failed: Failed, { memoryBytes }: Limits): Outcome {
  const { type, message, stack } = failed;
  const [firstLine = ""] = message.split("\n", 1);
  const sentence = [type, firstLine].filter((part) => part !== "").join(": ");
  const guestError = { type, message, stack };
  switch (failed.reason) {
    case "memory":
      return {
        status: "failed",
        code: "memory-limit",
        message: `it ran out of its ${formatBytes(memoryBytes)} of memory (${sentence})`,
        guestError,
      };
    case "load":
      return { status: "failed", code: "normalizer-load-failed", message: sentence, guestError };
    case "raised":
      return { status: "failed", code: "normalizer-raised", message: sentence, guestError };
  }
}

function plainFailure(ending: Ending, lastErrorLine: string): Outcome {
  const message = withLastLine(`the program ${howItEnded(ending)}`, lastErrorLine);
  return failure(ending.signal === null ? "normalizer-raised" : "normalizer-crashed", message);
}

function unanswered(ending: Ending): string {
  return `its process ${howItEnded(ending)} before it said that it was done`;
}

function abortedItself({ exitCode, signal }: Ending): boolean {
  return signal === "SIGABRT" || exitCode === 128 + constants.signals.SIGABRT;
}

function howItEnded({ exitCode, signal }: Ending): string {
  if (signal !== null) return `was ended by ${signal}`;
  if (exitCode === null) return "ended in an unknown way";
  const name = exitCode > 128 ? signalName(exitCode - 128) : null;
  return name === null ? `ended with status ${exitCode}` : `ended with status ${exitCode} (${name})`;
}

function signalName(number: number): string | null {
  const found = Object.entries(constants.signals).find(([, value]) => value === number);
  return found?.[0] ?? null;
}

function crash(message: string, lastErrorLine: string): Outcome {
  return failure("normalizer-crashed", withLastLine(message, lastErrorLine));
}

function withLastLine(message: string, lastErrorLine: string): string {
  return lastErrorLine === "" ? message : `${message}; its last words: ${lastErrorLine}`;
}

function outOfMemory({ memoryBytes }: Limits): Outcome {
  return failure(
    "memory-limit",
    `it needed more than its ${formatBytes(memoryBytes)} of memory and was ended`,
  );
}

function failure(code: Extract<Outcome, { status: "failed" }>["code"], message: string): Outcome {
  return { status: "failed", code, message };
}
