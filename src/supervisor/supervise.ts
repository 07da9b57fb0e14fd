import { setTimeout as sleep } from "node:timers/promises";

import type { RunRow } from "../db/sql/insert-runs.ts";
import type { Outcome } from "../domain/outcome.ts";
import type { Run } from "../domain/run.ts";
import type { Task } from "../domain/task.ts";
import { messageOf } from "../domain/unknown.ts";
import { ERRORS, WhiskersError } from "../errors.ts";
import type { Claim, LocalQueue, Settlement, TaskStarts } from "../intake/local-queue.ts";
import { Backlog } from "./backlog.ts";
import { backoffSeconds } from "./backoff.ts";
import { ClaimWindow } from "./claim-window.ts";
import type { SlotHistory } from "./claim-window.ts";
import type { SupervisorEvent } from "./events.ts";
import type { FreshRuns } from "./fresh-runs.ts";
import { GroupCommit } from "./group-commit.ts";
import { Prefetcher } from "./prefetcher.ts";
import type { Prefetch, WayHere } from "./prefetcher.ts";
import { freshRun, runRow } from "./run-row.ts";
import { Wakeup } from "./wakeup.ts";

/** Claims held per slot: enough that a slot seldom waits for the database, and finds its own package. */
const CLAIMS_PER_SLOT = 8;
/** Outputs stored in one transaction. */
const RUNS_PER_COMMIT = 64;
/**
 * Results that come within so long are stored together, milliseconds, and no more than are many enough: what a
 * transaction costs, it then costs once for as many whether one process does all tasks or several share them. The slots go on meanwhile.
 */
const GATHER_MS = 40;
const GATHER_RUNS = 16;
/** Runs that are over and not stored yet: so many for each slot, and so much of them in memory. */
const UNSTORED_PER_SLOT = 16;
const UNSTORED_BYTES = 8 * 1024 * 1024;
/** Tasks that are ready within so long are begun in one statement, milliseconds. */
const GATHER_STARTS_MS = 10;
/** Runs that take longer gain nothing from being begun ahead, milliseconds. */
const SHORT_RUN_MS = 50;
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
  /** Makes tasks ready before they take a slot. Only with `whenEmpty: "wait"`. */
  readonly prefetch?: Prefetch;
  /** Where runs are kept that are about to be stored, for whoever delivers them here. */
  readonly fresh?: FreshRuns;
  /** What becomes of claims that were not begun when a drain ends them; default: they go back to the queue. */
  readonly giveBack?: (claims: readonly Claim[]) => Promise<void>;
}

/**
 * Keeps `slots` runs going from the queue until it is drained, stopped, or empty. Every outcome is
 * stored before its task is settled; whatever happens to this process, a task that was not settled
 * is run again by somebody. One run's failure touches no other.
 *
 *     queued -> claimed -> (ready) -> started -> settled
 *        ^         |          |          |
 *        +---------+----------+----------+   released, expired, or to be tried again
 *
 * @throws when the database fails; claims then expire by themselves
 */
export function supervise(options: SuperviseOptions): Promise<void> {
  return new Supervisor(options).run();
}

export class Supervisor {
  readonly #options: SuperviseOptions;
  /** Aborted when the database failed: nothing that any slot does can be kept. */
  readonly #failure = new AbortController();
  readonly #window = new ClaimWindow();
  readonly #prefetcher: Prefetcher | null;
  readonly #starts: GroupCommit<Claim, TaskStarts | null>;
  /** Tasks that wait for a slot and are written down as begun: none that was begun before. */
  readonly #ahead = new Map<Claim, Promise<TaskStarts | null>>();
  /** How those came here that were made ready ahead. */
  readonly #ways = new WeakMap<Claim, WayHere>();
  readonly #settlements: GroupCommit<Settlement, boolean>;
  readonly #unstored: Backlog;
  /** There may be work. */
  readonly #work = new Wakeup();
  #refilling: Promise<void> | null = null;
  #busy = 0;

  constructor(options: SuperviseOptions) {
    const stop = AbortSignal.any([options.stop, this.#failure.signal]);
    const drain = AbortSignal.any([options.drain, stop]);
    this.#options = { ...options, drain, stop };
    const { queue, prefetch } = options;
    this.#starts = new GroupCommit(
      async (claims) => {
        const started = await queue.start(claims);
        return claims.map((claim) => started.get(claim) ?? null);
      },
      RUNS_PER_COMMIT,
      prefetch === undefined
        ? null
        : {
            waitMs: GATHER_STARTS_MS,
            enough: GATHER_RUNS,
            isExpected: () => this.#prefetcher?.isExpecting === true,
          },
    );
    this.#unstored = new Backlog({ items: UNSTORED_PER_SLOT * options.slots, bytes: UNSTORED_BYTES }, () => {
      this.#failure.abort();
    });
    this.#settlements = new GroupCommit(
      async (settlements) => {
        const stored = new Set(await queue.settle(settlements));
        return settlements.map((settlement) => stored.has(settlement));
      },
      RUNS_PER_COMMIT,
      prefetch === undefined
        ? null
        : {
            waitMs: GATHER_MS,
            enough: GATHER_RUNS,
            // The slot that this run was in is one.
            isExpected: () =>
              this.#busy > 1 || this.#window.size > 0 || this.#prefetcher?.isExpecting === true,
          },
    );
    this.#prefetcher =
      prefetch === undefined
        ? null
        : new Prefetcher(this.#options, prefetch, {
            ready: (claim, starts, runMs, way) => {
              this.#ways.set(claim, way);
              if (starts === 0 && runMs < SHORT_RUN_MS) this.#beginAhead(claim);
              this.#window.add([claim]);
              this.#work.wake();
            },
            waiting: () => this.#window.size,
            fail: (claim, task, queuedAtMs, error) => this.#failUnbegun(claim, task, queuedAtMs, error),
          });
  }

  /** How many more tasks it could begin soon. */
  get room(): number {
    return this.#prefetcher?.room ?? this.#options.slots * CLAIMS_PER_SLOT - this.#window.size;
  }

  get busy(): number {
    return this.#busy;
  }

  /** Resolves when what waits to be stored is no more than may. @throws the database's error */
  storeRoom(): Promise<void> {
    return this.#unstored.room();
  }

  /** So many tasks were added to the queue just now. */
  announce(count: number): void {
    this.#prefetcher?.announce(count);
    this.#work.wake();
  }

  async run(): Promise<void> {
    const work = Array.from({ length: this.#options.slots }, () => this.#runSlot());
    if (this.#prefetcher !== null) {
      for (const loop of this.#prefetcher.loops()) work.push(this.#orFail(loop));
    }
    const results = await Promise.allSettled(work);
    for (const result of results) if (result.status === "rejected") throw result.reason;
    await this.#unstored.settled();
    await this.#giveBackRest();
  }

  #runSlot(): Promise<void> {
    return this.#orFail(this.#runAll());
  }

  async #orFail(work: Promise<void>): Promise<void> {
    try {
      await work;
    } catch (error) {
      this.#failure.abort();
      throw error;
    }
  }

  /** One after another, until there is no more to do. A run is stored while the next one is under way. */
  async #runAll(): Promise<void> {
    const history: SlotHistory = { package: null, inARow: 0 };
    for (;;) {
      const claim = await this.#next(history);
      if (claim === null) break;
      this.#busy += 1;
      const takenMs = performance.now();
      try {
        const finished = await this.#runClaim(claim);
        if (finished === null) await this.#options.queue.release([claim], "begun");
        else await this.#store(finished);
      } finally {
        this.#busy -= 1;
        await this.#prefetcher?.used(claim, performance.now() - takenMs);
      }
    }
  }

  /** One statement for many, instead of one for each that a slot waits for. */
  #beginAhead(claim: Claim): void {
    if (this.#options.maxStarts === 1) return;
    const begun = this.#starts.add(claim);
    // Who takes it out throws it.
    begun.catch(() => {});
    this.#ahead.set(claim, begun);
  }

  async #giveBackRest(): Promise<void> {
    const claims = this.#window.takeAll();
    for (const claim of claims) await this.#prefetcher?.used(claim, null);
    await Promise.all(this.#ahead.values());
    await this.#options.queue.unstart([...this.#ahead.keys()]);
    const rest = [...claims, ...(this.#prefetcher?.takeAll() ?? [])];
    await (this.#options.giveBack?.(rest) ?? this.#options.queue.release(rest));
  }

  async #next(history: SlotHistory): Promise<Claim | null> {
    const { drain, pollMs } = this.#options;
    while (!drain.aborted) {
      const claim = this.#window.pick(history);
      if (claim !== null) return claim;
      if (this.#prefetcher === null) {
        await this.#refill();
        if (this.#window.size > 0) continue;
        if (await this.#isOver()) return null;
        await sleep(pollMs, undefined, { signal: drain }).catch(() => {});
      } else {
        await this.#work.wait(pollMs, drain);
      }
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
    const begun = await (this.#ahead.get(claim) ?? this.#starts.add(claim));
    this.#ahead.delete(claim);
    if (begun === null) return null;
    const { task, starts, queuedAtMs } = begun;
    onEvent({ type: "started", task, starts, lost: claim.lost });
    const startedAt = new Date();
    const startedMs = performance.now();
    const signal = AbortSignal.any([stop, claim.lost]);
    const ended = starts > maxStarts ? workerLost(maxStarts) : await this.#runSafely(task, signal);
    const { outcome } = ended;
    const run = withWay(ended.run, this.#ways.get(claim), startedMs);
    if (stop.aborted && outcome.status === "failed" && outcome.code === "cancelled") return null;
    const retryAfterSeconds = starts < maxStarts ? retryDelay(outcome, starts) : null;
    const overMs = performance.now();
    const elapsedMs = overMs - startedMs;
    return this.#finish(
      { claim, task, outcome, starts, queuedAtMs, retryAfterSeconds, startedAt, elapsedMs, overMs },
      run,
    );
  }

  async #runSafely(task: Task, signal: AbortSignal): Promise<Ended> {
    try {
      const run = await this.#options.run(task, signal);
      return { outcome: run.outcome, run };
    } catch (error) {
      return failureOf(error);
    }
  }

  /** It will never be ready: its failure is its outcome. */
  async #failUnbegun(claim: Claim, task: Task, queuedAtMs: number, error: unknown): Promise<void> {
    const at = { queuedAtMs, startedAt: new Date(), elapsedMs: 0, overMs: performance.now() };
    const { outcome, run } = failureOf(error);
    await this.#store(this.#finish({ claim, task, outcome, starts: 0, retryAfterSeconds: null, ...at }, run));
  }

  /** From here on what the run gave is text: as objects it would take several times the memory until it is stored. */
  #finish(ended: Omit<Finished, "row" | "run">, run: Run | null): Finished {
    const { task, outcome, starts, startedAt, elapsedMs, overMs } = ended;
    const times = { starts, startedAt, endedAt: new Date(startedAt.getTime() + elapsedMs), overMs };
    const row = runRow(task, outcome, run, times);
    if (ended.retryAfterSeconds === null) {
      this.#options.fresh?.put(row.id, freshRun(task, outcome, run, times, row.output), bytesOf(row));
    }
    return { ...ended, row, run: run === null ? null : withoutRecords(run) };
  }

  /** Resolves when there is room for the next one; it is stored in the background. */
  #store(finished: Finished): Promise<void> {
    return this.#unstored.add(bytesOf(finished.row), this.#storeRow(finished));
  }

  async #storeRow({
    claim,
    task,
    outcome,
    run,
    row,
    retryAfterSeconds,
    queuedAtMs,
    startedAt,
    elapsedMs,
  }: Finished): Promise<void> {
    const stored = await this.#settlements.add({ claim, run: row, retryAfterSeconds });
    if (!stored) {
      this.#options.fresh?.forget(row.id);
      this.#options.onEvent({ type: "refused", task });
      return;
    }
    const times = { queuedAtMs, startedMs: startedAt.getTime(), storedMs: Date.now(), elapsedMs };
    this.#options.onEvent({
      type: "finished",
      task,
      outcome,
      run,
      runId: row.id,
      ...times,
      retryAfterSeconds,
    });
  }
}

interface Ended {
  readonly outcome: Outcome;
  readonly run: Run | null;
}

interface Finished {
  readonly claim: Claim;
  readonly task: Task;
  readonly outcome: Outcome;
  readonly run: Pick<Run, "record" | "cacheKey"> | null;
  /** As it is stored. */
  readonly row: RunRow;
  readonly starts: number;
  readonly queuedAtMs: number;
  readonly retryAfterSeconds: number | null;
  readonly startedAt: Date;
  readonly elapsedMs: number;
  /** When it was, by `performance.now()`. */
  readonly overMs: number;
}

function withoutRecords({ record, cacheKey }: Run): NonNullable<Finished["run"]> {
  return cacheKey === undefined ? { record } : { record, cacheKey };
}

function bytesOf({ document, output }: RunRow): number {
  return document.length + (output?.length ?? 0);
}

/** What came before the slot goes into the run's record, too. */
function withWay(run: Run | null, way: WayHere | undefined, startedMs: number): Run | null {
  if (run === null || way === undefined) return run;
  const { claimMs: claim, fetchMs: fetch, hadAtMs } = way;
  const wait = Math.max(0, startedMs - hadAtMs - fetch);
  const timingsMs = { ...run.record.timingsMs, claim, fetch, wait };
  return { ...run, record: { ...run.record, timingsMs } };
}

function workerLost(maxStarts: number): Ended {
  const message = `begun ${maxStarts} times, and each time its worker ended before it did`;
  return { outcome: { status: "failed", code: "worker-lost", message }, run: null };
}

function failureOf(error: unknown): Ended {
  const code = error instanceof WhiskersError ? error.code : "internal";
  return { outcome: { status: "failed", code, message: messageOf(error) }, run: null };
}

/** Null: this is final. */
function retryDelay(outcome: Outcome, starts: number): number | null {
  if (outcome.status === "succeeded" || !ERRORS[outcome.code].retryable) return null;
  return backoffSeconds(starts - 1, LONGEST_RETRY_SECONDS);
}
