import type { Limits } from "../domain/limits.ts";
import type { NormalizerMeta } from "../domain/meta.ts";
import type { Models, Outcome, RunResult, Usage } from "../domain/outcome.ts";
import { isPlain } from "../domain/package.ts";
import type { StatePolicy } from "../domain/package.ts";
import type { Raw } from "../domain/raw.ts";
import { WhiskersError } from "../errors.ts";
import { decideOutcome } from "./decide-outcome.ts";
import type { Cause } from "./decide-outcome.ts";
import type { Driver, Ending, Prepared } from "./driver.ts";
import type { DebugChannel, Opened, RunEnd } from "./link.ts";
import type { Lease, LeaseRequest, Pool } from "./pool.ts";
import { readUsage, UNKNOWN_USAGE } from "./read-usage.ts";
import type { RecordSink } from "./record-sink.ts";
import { within } from "./within.ts";

/** From asking a sandbox to end until it is made to, milliseconds. */
const TERMINATE_GRACE_MS = 500;
/** From SIGKILL until we stop waiting for the end of its processes. */
const ENDED_WAIT_MS = 500;
/**
 * From the end of its output until we stop waiting for it to end by itself, which says why. Longer: the kernel
 * may have to take down a full /tmp and much memory first.
 */
const GONE_WAIT_MS = 1000;
/** What V8 prints on standard error before it aborts. */
const V8_HEAP_IS_FULL = "JavaScript heap out of memory";
const ERRORS_WAIT_MS = 100;
/** The kernel gives memory out by batches: no more than this is left when it refuses. */
const MEMORY_GRAIN_BYTES = 1024 * 1024;

export interface RunRequest {
  readonly meta: NormalizerMeta;
  /** One in the normal case; the first is the one that `meta` describes. */
  readonly raws: readonly Raw[];
  readonly debug?: DebugChannel | undefined;
}

export interface ConductRequest extends RunRequest {
  readonly pool: Pool;
  readonly driver: Driver;
  readonly prepared: Prepared;
  readonly limits: Limits;
  readonly state: StatePolicy;
}

/**
 * One run, from a lease of a sandbox to its result. Records go to `sink` while it runs; they count
 * only if the outcome is `succeeded`. Whatever the guest and its streams do, it resolves within
 * `startMs` (cold only) + `wallMs` + 2 s, and the sandbox is idle again or being taken down by then.
 * @throws WhiskersError `sandbox-failed` the runtime failed; `state-unsupported` this guest cannot
 * fork; `input-unreadable` a raw file cannot be read. And whatever the sink throws.
 */
export async function conduct(
  request: ConductRequest,
  sink: RecordSink,
  signal: AbortSignal,
): Promise<RunResult> {
  const startedAtMs = performance.now();
  let lease: Lease;
  try {
    lease = await request.pool.acquire(leaseRequest(request), signal);
  } catch (error) {
    if (error instanceof WhiskersError && error.code === "cancelled")
      return neverStarted(request, error, startedAtMs);
    throw error;
  }
  let kept = false;
  let usage: Usage = UNKNOWN_USAGE;
  try {
    let openMs = 0;
    let cause: Cause | null = null;
    if (!lease.warm) {
      cause = await open(request, lease, startedAtMs, signal);
      openMs = performance.now() - startedAtMs;
    }
    const runStartedAtMs = performance.now();
    cause ??= await run(request, lease, sink, signal);
    const runMs = Math.max(0, endedAtMs(cause, lease) - runStartedAtMs);
    const handOverMs = Math.min(runMs, Math.max(0, lease.link.handedOverAtMs - runStartedAtMs));

    const ending = await bringDown(cause, lease);
    usage = await readUsage(lease.sandbox);
    const { logs, logBytesDropped } = lease.link.logs.finish();
    const heapIsFull = logs.some(({ message }) => message.includes(V8_HEAP_IS_FULL));
    const outcome = decideOutcome(
      cause,
      ending,
      lease.link.logs.lastErrorLine,
      isPlainRun(request),
      heapIsFull,
      request.limits,
    );
    kept = lease.link.state === "idle" && !ranOutOfMemory(cause) && !reachedLimit(usage, request.limits);
    const models = await modelsOf(lease);
    return {
      outcome,
      ...(models === null ? {} : { models }),
      logs,
      logBytesDropped,
      usage: {
        cpuMs: usage.cpuMs === null ? null : Math.max(0, usage.cpuMs - lease.cpuMsBefore),
        peakMemoryBytes: usage.peakMemoryBytes,
      },
      timingsMs: { open: openMs, handOver: handOverMs, run: runMs - handOverMs },
      runtime: lease.sandbox.runtime,
      environment: request.prepared.environment,
      state: request.state,
      limits: request.limits,
      protections: lease.sandbox.protections,
    };
  } finally {
    await lease.release(kept, usage);
  }
}

/** Whose classes its guest said that it uses; null: none, or it was never ready. */
async function modelsOf({ link }: Lease): Promise<Models | null> {
  const opened = await within(0, link.opened, null);
  return opened?.kind === "ready" ? opened.models : null;
}

/** Waits until the guest is ready. Null: it is. */
async function open(
  request: ConductRequest,
  lease: Lease,
  startedAtMs: number,
  signal: AbortSignal,
): Promise<Cause<Opened> | null> {
  const { startMs } = request.limits;
  const leftMs = startedAtMs + startMs - performance.now();
  const timeLimit = `it was not ready within ${startMs} ms`;
  const cause = await firstCause(lease, lease.link.opened, leftMs, timeLimit, signal);
  if (cause.kind !== "guest" || cause.end.kind !== "ready") return cause;
  if (request.state === "fork" && !cause.end.fork) {
    lease.link.end();
    const message = `the guest of \`${request.prepared.pkg.manifest.id}\` cannot fork, so state \`fork\` is not possible`;
    throw new WhiskersError("state-unsupported", message);
  }
  return null;
}

function run(
  request: ConductRequest,
  lease: Lease,
  sink: RecordSink,
  signal: AbortSignal,
): Promise<Cause<RunEnd>> {
  const { wallMs } = request.limits;
  const end = lease.link.run({ meta: request.meta, raws: request.raws, sink, debug: request.debug });
  return firstCause(lease, end, wallMs, `it was not done within ${wallMs} ms`, signal);
}

/** Races the guest against its deadline and against cancellation. An answer that was given is not taken back. */
function firstCause<T extends Opened | RunEnd>(
  lease: Lease,
  end: Promise<T>,
  leftMs: number,
  timeLimit: string,
  signal: AbortSignal,
): Promise<Cause<T>> {
  return new Promise((resolve) => {
    const decide = (cause: Cause<T>): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", cancel);
      lease.onCancel = null;
      resolve(cause);
    };
    const onTimeLimit = (): void => {
      // A guest that has answered has its own, short, time to settle.
      if (lease.link.state !== "settling") decide({ kind: "time-limit", message: timeLimit });
    };
    // If it was we who were late, its answer is read in this turn of the loop, before the immediate.
    const timer = setTimeout(() => setImmediate(onTimeLimit), Math.max(0, leftMs));
    const cancel = (): void => {
      if (lease.link.state === "settling") lease.link.end();
      else decide({ kind: "cancelled" });
    };
    const decideByGuest = async (): Promise<void> => {
      decide({ kind: "guest", end: await end });
    };
    void decideByGuest();
    lease.onCancel = cancel;
    signal.addEventListener("abort", cancel);
    if (signal.aborted) cancel();
  });
}

/** A process that did may be in any state, also when it says that it is ready again. */
function ranOutOfMemory(cause: Cause): boolean {
  return cause.kind === "guest" && cause.end.kind === "failed" && cause.end.reason === "memory";
}

/**
 * The kernel says of a whole sandbox, and for ever, that a process in it was killed for want of memory. A
 * run that lived through that must not leave its sandbox to a later one, which would be blamed for it.
 */
function reachedLimit({ peakMemoryBytes }: Usage, { memoryBytes }: Limits): boolean {
  return peakMemoryBytes !== null && peakMemoryBytes >= memoryBytes - MEMORY_GRAIN_BYTES;
}

function endedAtMs(cause: Cause, lease: Lease): number {
  const answered = cause.kind === "guest" && (cause.end.kind === "done" || cause.end.kind === "failed");
  return answered && lease.link.answeredAtMs > 0 ? lease.link.answeredAtMs : performance.now();
}

/**
 * Leaves an idle guest alone; ends every other, the harder the less it deserves. Returns how it
 * ended by itself; null when it lives or when it was made to end, which says nothing about it.
 */
async function bringDown(cause: Cause, lease: Lease): Promise<Ending | null> {
  const { link, sandbox } = lease;
  if (cause.kind === "guest" && link.state === "idle") {
    // What it printed before it answered is in the pipe by now, and read in this turn of the loop.
    await new Promise((resolve) => setImmediate(resolve));
    return null;
  }
  link.end();
  if (cause.kind !== "guest") {
    sandbox.signal("terminate");
    await within(TERMINATE_GRACE_MS, sandbox.ended, null);
  } else if (cause.end.kind === "gone" || cause.end.kind === "failed") {
    const ending = await within(GONE_WAIT_MS, sandbox.ended, null);
    if (ending !== null) {
      await readErrorsToEnd(lease);
      return ending;
    }
  } else if (cause.end.kind === "done" && sandbox.output.readableEnded) {
    // It is on its way out.
    await readErrorsToEnd(lease);
  }
  sandbox.signal("kill");
  await within(ENDED_WAIT_MS, sandbox.ended, null);
  return null;
}

/** The rest of what a guest printed before it ended; a process that got away may hold the stream open. */
async function readErrorsToEnd(lease: Lease): Promise<void> {
  const { errors } = lease.sandbox;
  if (errors.readableEnded || errors.destroyed) return;
  const end = new Promise<void>((resolve) => {
    errors.once("end", resolve);
    errors.once("close", resolve);
  });
  await within(ERRORS_WAIT_MS, end, undefined);
}

function leaseRequest(request: ConductRequest): LeaseRequest {
  const { driver, prepared, limits, state } = request;
  const files = isPlainRun(request)
    ? [{ name: "meta.json", content: Buffer.from(JSON.stringify(request.meta)) }]
    : [];
  return { driver, prepared, limits, state, files };
}

function isPlainRun(request: ConductRequest): boolean {
  return isPlain(request.prepared.pkg.manifest.guest);
}

function neverStarted(request: ConductRequest, error: WhiskersError, startedAtMs: number): RunResult {
  const outcome: Outcome = { status: "failed", code: "cancelled", message: error.message };
  return {
    outcome,
    logs: [],
    logBytesDropped: 0,
    usage: UNKNOWN_USAGE,
    timingsMs: { open: performance.now() - startedAtMs, handOver: 0, run: 0 },
    runtime: { driver: request.driver.name, version: "" },
    environment: request.prepared.environment,
    state: request.state,
    limits: request.limits,
    protections: [],
  };
}
