import { setTimeout as sleep } from "node:timers/promises";

import type { Outcome } from "../domain/outcome.ts";
import type { Run } from "../domain/run.ts";
import type { Task } from "../domain/task.ts";
import { messageOf } from "../domain/unknown.ts";
import { ERRORS, WhiskersError } from "../errors.ts";
import type { Claim, LocalQueue, Settlement } from "../intake/local-queue.ts";
import { ClaimWindow } from "./claim-window.ts";
import type { SlotHistory } from "./claim-window.ts";
import type { SupervisorEvent } from "./events.ts";
import { GroupCommit } from "./group-commit.ts";
import { runRow } from "./run-row.ts";

/** Claims held per slot: enough that a slot seldom waits for the database, and finds its own package. */
const CLAIMS_PER_SLOT = 8;
/** Outputs stored in one transaction. */
const RUNS_PER_COMMIT = 64;
const FIRST_RETRY_SECONDS = 1;
const LONGEST_RETRY_SECONDS = 300;

export interface SuperviseOptions {
  readonly queue: LocalQueue;
  /** Runs one task. A normalizer's trouble is in the outcome; what is thrown is the platform's. */
  readonly run: (task: Task, signal: AbortSignal) => Promise<Run>;
  /** Tasks that run at once. */
  readonly slots: number;
  /** `wait` for more for ever, or `return` when every task of the queue is settled. */
  readonly whenEmpty: "wait" | "return";
  /** How long an empty queue is left alone, milliseconds. */
  readonly pollMs: number;
  /** How often a task may be begun. */
  readonly maxStarts: number;
  readonly onEvent: (event: SupervisorEvent) => void;
  /** Take no more; finish what runs. */
  readonly drain: AbortSignal;
  /** End what runs, too; it goes back to the queue. Implies `drain`. */
  readonly stop: AbortSignal;
}

/**
 * Keeps `slots` runs going from the queue until it is drained, stopped, or empty. Every outcome is
 * stored before its task is settled; whatever happens to this process, a task that was not settled
 * is run again by somebody. One run's failure touches no other.
 *
 *     queued -> claimed -> started -> settled
 *        ^         |          |
 *        +---------+----------+   released, expired, or to be tried again
 *
 * @throws when the database fails; claims then expire by themselves
 */
export async function supervise(options: SuperviseOptions): Promise<void> {
  const failure = new AbortController();
  const stop = AbortSignal.any([options.stop, failure.signal]);
  const drain = AbortSignal.any([options.drain, stop]);
  const supervisor = new Supervisor({ ...options, drain, stop }, failure);
  const slots = Array.from({ length: options.slots }, () => supervisor.runSlot());
  const results = await Promise.allSettled(slots);
  for (const result of results) if (result.status === "rejected") throw result.reason;
  await supervisor.releaseRest();
}

class Supervisor {
  readonly #options: SuperviseOptions;
  /** Aborted when the database failed: nothing that any slot does can be kept. */
  readonly #failure: AbortController;
  readonly #window = new ClaimWindow();
  readonly #starts: GroupCommit<Claim, { readonly task: Task; readonly starts: number } | null>;
  readonly #settlements: GroupCommit<Settlement, boolean>;
  #refilling: Promise<void> | null = null;
  #busy = 0;

  constructor(options: SuperviseOptions, failure: AbortController) {
    this.#options = options;
    this.#failure = failure;
    const { queue } = options;
    this.#starts = new GroupCommit(async (claims) => {
      const started = await queue.start(claims);
      return claims.map((claim) => started.get(claim) ?? null);
    }, RUNS_PER_COMMIT);
    this.#settlements = new GroupCommit(async (settlements) => {
      const stored = new Set(await queue.settle(settlements));
      return settlements.map((settlement) => stored.has(settlement));
    }, RUNS_PER_COMMIT);
  }

  async runSlot(): Promise<void> {
    try {
      await this.#runAll();
    } catch (error) {
      this.#failure.abort();
      throw error;
    }
  }

  /** One after another, until there is no more to do. A run is stored while the next one is under way. */
  async #runAll(): Promise<void> {
    const history: SlotHistory = { package: null, inARow: 0 };
    let storing: Promise<void> = Promise.resolve();
    for (;;) {
      const claim = await this.#next(history);
      if (claim === null) break;
      this.#busy += 1;
      try {
        const finished = await this.#runClaim(claim);
        await storing;
        storing = finished === null ? this.#options.queue.release([claim]) : this.#store(finished);
      } finally {
        this.#busy -= 1;
      }
      // Noticed at once, also by a slot that waits for work.
      storing.catch(() => {
        this.#failure.abort();
      });
    }
    await storing;
  }

  async releaseRest(): Promise<void> {
    await this.#options.queue.release(this.#window.takeAll());
  }

  async #next(history: SlotHistory): Promise<Claim | null> {
    const { drain, pollMs } = this.#options;
    while (!drain.aborted) {
      const claim = this.#window.pick(history);
      if (claim !== null) return claim;
      await this.#refill();
      if (this.#window.size > 0) continue;
      if (await this.#isOver()) return null;
      await sleep(pollMs, undefined, { signal: drain }).catch(() => {});
    }
    return null;
  }

  #refill(): Promise<void> {
    this.#refilling ??= (async () => {
      try {
        this.#window.add(await this.#options.queue.take(this.#options.slots * CLAIMS_PER_SLOT));
      } finally {
        this.#refilling = null;
      }
    })();
    return this.#refilling;
  }

  async #isOver(): Promise<boolean> {
    if (this.#options.whenEmpty === "wait" || this.#busy > 0) return false;
    const { queued, started } = await this.#options.queue.counts();
    return queued + started === 0;
  }

  /** Null: the run was cut short by ourselves, and its task goes back. */
  async #runClaim(claim: Claim): Promise<Finished | null> {
    const { stop, onEvent, maxStarts } = this.#options;
    const begun = await this.#starts.add(claim);
    if (begun === null) return null;
    const { task, starts } = begun;
    onEvent({ type: "started", task, starts });
    const startedMs = performance.now();
    const signal = AbortSignal.any([stop, claim.lost]);
    const { outcome, run } = starts > maxStarts ? workerLost(maxStarts) : await this.#runSafely(task, signal);
    if (stop.aborted && outcome.status === "failed" && outcome.code === "cancelled") return null;
    const retryAfterSeconds = starts < maxStarts ? retryDelay(outcome, starts) : null;
    const elapsedMs = performance.now() - startedMs;
    return { claim, task, outcome, run, starts, retryAfterSeconds, elapsedMs };
  }

  async #runSafely(task: Task, signal: AbortSignal): Promise<Ended> {
    try {
      const run = await this.#options.run(task, signal);
      return { outcome: run.outcome, run };
    } catch (error) {
      const code = error instanceof WhiskersError ? error.code : "internal";
      return { outcome: { status: "failed", code, message: messageOf(error) }, run: null };
    }
  }

  async #store({ claim, task, outcome, run, starts, retryAfterSeconds, elapsedMs }: Finished): Promise<void> {
    const row = runRow(task, outcome, run, starts);
    const stored = await this.#settlements.add({ claim, run: row, retryAfterSeconds });
    this.#options.onEvent(
      stored
        ? { type: "finished", task, outcome, run, elapsedMs, retryAfterSeconds }
        : { type: "refused", task },
    );
  }
}

interface Ended {
  readonly outcome: Outcome;
  readonly run: Run | null;
}

interface Finished extends Ended {
  readonly claim: Claim;
  readonly task: Task;
  readonly starts: number;
  readonly retryAfterSeconds: number | null;
  readonly elapsedMs: number;
}

function workerLost(maxStarts: number): Ended {
  const message = `begun ${maxStarts} times, and each time its worker ended before it did`;
  return { outcome: { status: "failed", code: "worker-lost", message }, run: null };
}

/** Null: this is final. Doubles each time, with a random half, so that what failed together does not return so. */
function retryDelay(outcome: Outcome, starts: number): number | null {
  if (outcome.status === "succeeded" || !ERRORS[outcome.code].retryable) return null;
  const seconds = Math.min(LONGEST_RETRY_SECONDS, FIRST_RETRY_SECONDS * 2 ** (starts - 1));
  return Math.ceil(seconds / 2 + (Math.random() * seconds) / 2);
}
