import type { NormalizerMeta } from "../domain/meta.ts";
import type { Models } from "../domain/outcome.ts";
import type { Raw } from "../domain/raw.ts";
import type { LogCollector } from "./log-collector.ts";
import type { RecordSink } from "./record-sink.ts";

/**
 * The host's side of the conversation with one sandbox. Two forms: `guest-link.ts` speaks the guest
 * protocol, `plain-link.ts` drives a program that does not. A link judges what arrives, writes what
 * is to be sent, and never ends a process: that is the conductor's.
 */
export interface Link {
  readonly state: LinkState;
  /** Resolves, never rejects, with how `opening` ended. */
  readonly opened: Promise<Opened>;
  /** Log and standard error of the current run; before the first run, of opening, which it inherits. */
  readonly logs: LogCollector;
  /** When the last run got its answer, `performance.now()`. Only after `run` resolved with one. */
  readonly answeredAtMs: number;
  /** When the last byte of the last run's raw files was written, `performance.now()`; infinite: not yet. */
  readonly handedOverAtMs: number;
  /** Called once when the state becomes `ended`, whatever the reason. */
  onEnd: (() => void) | null;

  /**
   * Hands over one run; only in state `idle`. Resolves, never rejects, when the guest has answered
   * and is `idle` again or has `ended`.
   */
  run(work: RunWork): Promise<RunEnd>;

  /** Listens no longer: what still arrives is thrown away. Idempotent. */
  end(): void;
}

export type LinkState = "opening" | "idle" | "running" | "settling" | "ended";

export interface RunWork {
  readonly meta: NormalizerMeta;
  readonly raws: readonly Raw[];
  readonly sink: RecordSink;
  /** Given: a debugger is attached before the normalizer is loaded. */
  readonly debug?: DebugChannel | undefined;
}

/**
 * Who drives the debugger of a guest: text of a terminal for Python, one message of the Chrome DevTools Protocol at a time
 * for JavaScript.
 */
export interface DebugChannel {
  /** What the guest's debugger says. Untrusted. */
  receive(payload: Buffer): void;
  /** The run was handed over: `send` says something to its debugger, until the run is over. An empty text ends the input. */
  attach(send: (text: string) => void): void;
}

export type Opened =
  | { readonly kind: "ready"; readonly fork: boolean; readonly models: Models | null }
  | Failed
  | Broken
  | Gone
  | Thrown;
export type RunEnd = { readonly kind: "done" } | Failed | Broken | Gone | Thrown;

/** The guest said that it failed. */
export interface Failed {
  readonly kind: "failed";
  readonly reason: "raised" | "memory" | "load";
  readonly type: string;
  readonly message: string;
  readonly stack: string;
}

/** The guest broke a rule or a limit. */
export interface Broken {
  readonly kind: "broken";
  readonly code: "protocol-violation" | "protocol-version" | "output-limit" | "log-limit";
  readonly message: string;
}

/** The stream ended without an answer; how the process ended says why. */
export interface Gone {
  readonly kind: "gone";
}

/** It is not the guest's fault: a raw file cannot be read, or the sink threw. */
export interface Thrown {
  readonly kind: "thrown";
  readonly error: unknown;
}
