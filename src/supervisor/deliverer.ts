import { setTimeout as sleep } from "node:timers/promises";

import type { MadeStep } from "../db/sql/record-steps.ts";
import { SMALL_OUTPUT_BYTES } from "../db/sql/take-up-deliveries.ts";
import type { Delivery, DeliveryEnd, DeliveryQueue, DeliverySettlement } from "../delivery/delivery-queue.ts";
import type { DeliveryStep } from "../delivery/step.ts";
import type { Outcome } from "../domain/outcome.ts";
import { messageOf } from "../domain/unknown.ts";
import { WhiskersError } from "../errors.ts";
import { retrying } from "../http/retrying.ts";
import { backoffSeconds } from "./backoff.ts";
import { ByteBudget } from "./byte-budget.ts";
import type { DeliverySoFar, StoredRun } from "./delivery-plan.ts";
import type { FreshRuns } from "./fresh-runs.ts";
import { GroupCommit } from "./group-commit.ts";
import { mayHelpLater } from "./may-help-later.ts";
import { storedRunOf } from "./stored-run.ts";
import { Wakeup } from "./wakeup.ts";

/** A short trouble is waited for here; a long one by giving the delivery back. */
const RETRY = { attempts: 3, baseMs: 100, capMs: 1000 };
const LONGEST_WAIT_SECONDS = 300;
/** A delivery that takes longer than this writes down the steps that it has made so far, milliseconds. */
const RECORD_AFTER_MS = 500;
const SETTLEMENTS_PER_COMMIT = 64;
/** What comes within so long is taken together, milliseconds. */
const GATHER_MS = 10;
/** What is done within so long is settled together, and no more than are many enough. */
const GATHER_DONE_MS = 40;
const GATHER_DONE = 16;
/** Deliveries taken at once. */
const BATCH = 32;
/** Outputs that are being delivered at once, but for small ones: each is text here, and a request's body. */
const LARGE_OUTPUTS_BYTES = 32 * 1024 * 1024;

/** One step that was tried now, whatever came of it. Times are milliseconds of Unix time. */
export interface TriedStep {
  readonly name: string;
  readonly startMs: number;
  readonly endMs: number;
  /** Null: it was made. */
  readonly error: unknown;
}

/** What one time of working on a delivery was. */
interface Tried {
  readonly run: StoredRun;
  readonly runId: string;
  /** Since when its task was in our queue, and when this time began: milliseconds of Unix time. */
  readonly taskQueuedAtMs: number;
  readonly startedMs: number;
  readonly elapsedMs: number;
  readonly tried: readonly TriedStep[];
}

/** What a deliverer tells whoever watches it. */
export type DeliveryEvent =
  | (Tried & {
      readonly type: "delivered";
      readonly end: DeliveryEnd;
      /** When the end was in the database: Unix time. */
      readonly settledMs: number;
    })
  /** A service fails: tried again after so many seconds. */
  | (Tried & {
      readonly type: "delayed";
      readonly step: string;
      readonly error: unknown;
      readonly retryAfterSeconds: number;
    })
  /** The claim was lost: another process makes this delivery. */
  | { readonly type: "delivery-lost"; readonly taskId: string };

export interface DelivererOptions {
  readonly queue: DeliveryQueue;
  /** Runs that need not be read back. */
  readonly fresh: FreshRuns;
  readonly steps: (run: StoredRun, verdict: Outcome, so: DeliverySoFar) => readonly DeliveryStep[];
  /** Deliveries at once. */
  readonly lanes: number;
  /** How long an empty queue is left alone, milliseconds. */
  readonly pollMs: number;
  /** How long a delivery is tried while a service fails, milliseconds. */
  readonly giveUpMs: number;
  readonly onEvent: (event: DeliveryEvent) => void;
  /** End when nothing is left to deliver now. */
  readonly drain: AbortSignal;
  /** What is under way goes back. */
  readonly stop: AbortSignal;
}

/**
 * Brings results to where they belong. Each step is made at least once and counts once; a delivery goes on
 * where it stopped, in whatever process. Before each step the claim is looked at by our own clock: a process
 * that was stopped, and goes on after its claim was given to another, sends nothing more.
 */
export class Deliverer {
  readonly #options: DelivererOptions;
  readonly #settlements: GroupCommit<DeliverySettlement, boolean>;
  readonly #work = new Wakeup();
  readonly #underWay = new Set<Promise<void>>();
  readonly #large = new ByteBudget(LARGE_OUTPUTS_BYTES);
  #failure: Error | null = null;

  constructor(options: DelivererOptions) {
    this.#options = options;
    this.#settlements = new GroupCommit(
      async (settlements) => {
        const settled = new Set(await options.queue.settle(settlements));
        return settlements.map((settlement) => settled.has(settlement));
      },
      SETTLEMENTS_PER_COMMIT,
      {
        waitMs: GATHER_DONE_MS,
        enough: GATHER_DONE,
        isExpected: (waiting) => this.#underWay.size > waiting,
      },
    );
  }

  get busy(): number {
    return this.#underWay.size;
  }

  /** There is something to deliver. */
  wake(): void {
    this.#work.wake();
  }

  /** Works until it is drained or stopped, and what was under way is over. @throws the database's error */
  async run(): Promise<void> {
    const { queue, drain, stop, pollMs, lanes } = this.#options;
    while (!stop.aborted && this.#failure === null) {
      const limit = Math.min(BATCH, lanes - this.#underWay.size);
      const deliveries = limit > 0 ? await queue.take(limit, this.#options.fresh.ids()) : [];
      for (const delivery of deliveries) this.#begin(delivery);
      if (deliveries.length === limit && limit > 0) continue;
      if (drain.aborted && deliveries.length === 0 && this.#underWay.size < lanes) break;
      await this.#work.wait(pollMs, drain.aborted ? stop : drain);
      await sleep(GATHER_MS);
      // Each that was stored woke it.
      this.#work.clear();
    }
    while (this.#underWay.size > 0) await Promise.all(this.#underWay);
    if (this.#failure !== null) throw this.#failure;
  }

  #begin(delivery: Delivery): void {
    const bytes = this.#options.fresh.bytesOf(delivery.runId) ?? delivery.outputBytes ?? 0;
    const deliver = (): Promise<void> => this.#deliver(delivery);
    const work = (bytes > SMALL_OUTPUT_BYTES ? this.#large.during(bytes, deliver) : deliver())
      .catch((error: unknown) => {
        this.#failure ??= error instanceof Error ? error : new Error(messageOf(error), { cause: error });
      })
      .finally(() => {
        const wasFull = this.#underWay.size >= this.#options.lanes;
        this.#underWay.delete(work);
        if (wasFull || this.#failure !== null) this.#work.wake();
      });
    this.#underWay.add(work);
  }

  async #deliver(delivery: Delivery): Promise<void> {
    const { runId, taskQueuedAtMs } = delivery;
    const run = this.#options.fresh.take(runId) ?? (await this.#read(delivery));
    if (run === null) {
      await this.#options.queue.release([delivery]);
      return;
    }
    const startedMs = Date.now();
    const beganMs = performance.now();
    const tried: TriedStep[] = [];
    const made = await this.#makeSteps(delivery, run, run.outcome, tried);
    const doneMs = performance.now();
    const elapsedMs = doneMs - beganMs;
    const now: Tried = { run, runId, taskQueuedAtMs, startedMs, elapsedMs, tried };
    switch (made.result) {
      case "lost":
        this.#options.onEvent({ type: "delivery-lost", taskId: delivery.taskId });
        return;
      case "stopped":
        await this.#options.queue.release([delivery]);
        return;
      case "later":
        await this.#giveBack(delivery, now, made);
        return;
      case "done": {
        const { end, steps } = made;
        const taskState =
          run.outcome.status === "succeeded" && end.state === "delivered" ? "succeeded" : "failed";
        if (!(await this.#settlements.add({ delivery, end, steps, taskState, elapsedMs, doneMs }))) {
          this.#options.onEvent({ type: "delivery-lost", taskId: delivery.taskId });
          return;
        }
        this.#options.onEvent({ type: "delivered", ...now, end, settledMs: Date.now() });
      }
    }
  }

  /** Null: it is not as it was when it was taken up. */
  async #read(delivery: Delivery): Promise<StoredRun | null> {
    const { run, output, outputBytes } = delivery;
    // Unless it was known here, and is not any more, or is large.
    if (run !== null && (output !== null || outputBytes === null)) return storedRunOf(run, output);
    const found = await this.#options.queue.readRun(delivery);
    if (found === null || (found.output === null && outputBytes !== null)) return null;
    return storedRunOf(found.run, found.output);
  }

  /** Whatever was made is in the database, or in the answer. */
  async #makeSteps(delivery: Delivery, run: StoredRun, verdict: Outcome, tried: TriedStep[]): Promise<Made> {
    const { queue, stop, steps: plan } = this.#options;
    const signal = AbortSignal.any([stop, delivery.lost]);
    const so = {
      ageMs: delivery.taskAgeMs,
      retried: delivery.retried,
      triedBefore: delivery.attempt > 1,
    };
    const known = new Set(delivery.steps);
    let recordedMs = performance.now();
    let end: DeliveryEnd = { state: "delivered" };
    let steps = plan(run, verdict, so);
    const unrecorded: MadeStep[] = [];
    for (let at = 0; at < steps.length;) {
      const step = steps[at];
      if (step === undefined) break;
      at += 1;
      if (known.has(step.name)) continue;
      const startMs = Date.now();
      const tell = (error: unknown): void => {
        tried.push({ name: step.name, startMs, endMs: Date.now(), error });
      };
      try {
        await retrying(RETRY, signal, () => {
          if (!queue.holds(delivery)) throw new WhiskersError("cancelled", "the claim was lost");
          return step.send(signal);
        });
        tell(null);
      } catch (error) {
        tell(error);
        if (!queue.holds(delivery)) return { result: "lost" };
        if (stop.aborted) return this.#keep(delivery, unrecorded, { result: "stopped" });
        const age = Date.now() - delivery.queuedAtMs;
        if (mayHelpLater(error) && age < this.#options.giveUpMs) {
          return this.#keep(delivery, unrecorded, { result: "later", step: step.name, error });
        }
        // It is over with this verdict, and what else is to be said follows from the new one. That a failure
        // could not be told is the end of it.
        if (end.state === "failed" || verdict.status === "failed") continue;
        end = failureOf(error);
        steps = plan(run, { status: "failed", code: end.code, message: end.message }, so);
        at = 0;
        continue;
      }
      unrecorded.push({ name: step.name, madeMs: performance.now() });
      if (performance.now() - recordedMs > RECORD_AFTER_MS) {
        if (!(await queue.record(delivery, unrecorded.splice(0)))) return { result: "lost" };
        recordedMs = performance.now();
      }
    }
    return { result: "done", end, steps: unrecorded };
  }

  async #keep(delivery: Delivery, steps: readonly MadeStep[], made: Made): Promise<Made> {
    if (steps.length === 0 || (await this.#options.queue.record(delivery, steps))) return made;
    return { result: "lost" };
  }

  async #giveBack(delivery: Delivery, now: Tried, made: Extract<Made, { result: "later" }>): Promise<void> {
    const { queue, onEvent } = this.#options;
    const retryAfterSeconds = backoffSeconds(delivery.earlierClaims, LONGEST_WAIT_SECONDS);
    const { step, error } = made;
    onEvent({ type: "delayed", ...now, step, error, retryAfterSeconds });
    await queue.defer(delivery, retryAfterSeconds);
  }
}

type Made =
  | { readonly result: "done"; readonly end: DeliveryEnd; readonly steps: readonly MadeStep[] }
  | { readonly result: "later"; readonly step: string; readonly error: unknown }
  | { readonly result: "lost" }
  | { readonly result: "stopped" };

function failureOf(error: unknown): Extract<DeliveryEnd, { state: "failed" }> {
  const code = error instanceof WhiskersError ? error.code : "internal";
  return { state: "failed", code, message: messageOf(error) };
}
