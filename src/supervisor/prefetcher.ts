import type { Task } from "../domain/task.ts";
import type { Claim, LocalQueue } from "../intake/local-queue.ts";
import { backoffSeconds } from "./backoff.ts";
import type { SupervisorEvent } from "./events.ts";
import { mayHelpLater } from "./may-help-later.ts";
import { Wakeup } from "./wakeup.ts";

/** Work that is held is work that nobody else can do: no more of it than for about so long, milliseconds. */
const AHEAD_MS = 400;
/** At most, however short the runs are: for each slot, or for all together where there are few of them. */
const MOST_PER_SLOT = 16;
const MOST_AT_LEAST = 64;
/** A task whose normalizer this process does not have is left to others for so long, seconds. */
const NOT_OURS_SECONDS = 2;
const LONGEST_WAIT_SECONDS = 120;

/** Makes ready what a run needs. */
export interface Prefetch {
  /** How many at once. */
  readonly lanes: number;
  /** How long a task may wait while what it needs cannot be had, milliseconds. */
  readonly giveUpMs: number;
  /** Whether this process has the package. */
  readonly canRun: (packageReference: string) => boolean;
  /** Whether more may be fetched now. */
  readonly hasRoom: () => boolean;
  /** @throws WhiskersError when retryable, the task is deferred; else it fails with it */
  readonly fetch: (task: Task, signal: AbortSignal) => Promise<void>;
  /** What was fetched is not needed any more, or was never fetched. */
  readonly forget: (taskId: string) => Promise<void>;
}

interface Surroundings {
  readonly queue: LocalQueue;
  readonly slots: number;
  readonly pollMs: number;
  readonly drain: AbortSignal;
  readonly onEvent: (event: SupervisorEvent) => void;
}

/** What becomes of claims. */
interface Exits {
  /** With how often it was begun before, how long runs take (milliseconds), and how it came here. */
  readonly ready: (claim: Claim, starts: number, runMs: number, way: WayHere) => void;
  /** How many are ready and wait for a slot. */
  readonly waiting: () => number;
  readonly fail: (claim: Claim, task: Task, queuedAtMs: number, error: unknown) => Promise<void>;
}

/** The times of a claim until its task was ready. */
export interface WayHere {
  /** In the queue, until this process had it, milliseconds. */
  readonly claimMs: number;
  readonly fetchMs: number;
  /** When this process had it, by `performance.now()`. */
  readonly hadAtMs: number;
}

interface Wanted {
  readonly claim: Claim;
  readonly task: Task;
  readonly starts: number;
  readonly queuedAtMs: number;
  /** Unix time, milliseconds. */
  readonly claimedMs: number;
  readonly waitedMs: number;
  /** By `performance.now()`. */
  readonly hadAtMs: number;
}

/**
 * Takes claims, makes their tasks ready in lanes of their own, and hands them to the slots. A raw file that is
 * slow, or never ends, occupies a lane until its time is over, and no slot.
 */
export class Prefetcher {
  readonly #around: Surroundings;
  readonly #prefetch: Prefetch;
  readonly #exits: Exits;
  readonly #wanted: Wanted[] = [];
  readonly #cutShort: Claim[] = [];
  /** Tasks may have come into the queue, or there is room for more. */
  readonly #refillNow = new Wakeup();
  /** There is something to fetch, or room for it. */
  readonly #fetchNow = new Wakeup();
  #fetching = 0;
  #running = 0;
  /** Told to have come into the queue, and not seen since. */
  #announced = 0;
  /** As far as is known there is nothing in the queue: looking before anybody says so finds nothing. */
  #isEmpty = false;
  /** Of a run, milliseconds: a moving average. */
  #runMs = AHEAD_MS;

  constructor(around: Surroundings, prefetch: Prefetch, exits: Exits) {
    this.#around = around;
    this.#prefetch = prefetch;
    this.#exits = exits;
  }

  /** How many more tasks could be begun soon. */
  get room(): number {
    const room = this.#appetite - this.#held - this.#announced;
    // Few at a time would cost as much as many.
    return room >= this.#appetite / 2 ? room : 0;
  }

  /** Whether tasks are being made ready, or are about to be. */
  get isExpecting(): boolean {
    return this.#wanted.length + this.#fetching > 0;
  }

  announce(count: number): void {
    this.#announced += count;
    this.#isEmpty = false;
    this.#refillNow.wake();
  }

  loops(): readonly Promise<void>[] {
    const lanes = Array.from({ length: this.#prefetch.lanes }, () => this.#runLane());
    return [this.#runRefill(), ...lanes];
  }

  /** A claim that was ready has been run, in so many milliseconds, or is given back (null). */
  async used(claim: Claim, runMs: number | null): Promise<void> {
    this.#running -= 1;
    if (runMs !== null) this.#runMs = 0.9 * this.#runMs + 0.1 * runMs;
    if (!this.#isEmpty && this.#held <= this.#appetite / 2) this.#refillNow.wake();
    this.#fetchNow.wake();
    await this.#prefetch.forget(claim.taskId);
  }

  /** Claims that were not made ready. */
  takeAll(): readonly Claim[] {
    return [...this.#wanted.splice(0).map(({ claim }) => claim), ...this.#cutShort.splice(0)];
  }

  get #appetite(): number {
    const { slots } = this.#around;
    const most = Math.max(MOST_PER_SLOT, Math.ceil(MOST_AT_LEAST / slots));
    const perSlot = Math.min(most, Math.max(1, Math.ceil(AHEAD_MS / Math.max(1, this.#runMs))));
    return slots * (1 + perSlot);
  }

  /** Claims that are not yet handed over, and those that are. */
  get #held(): number {
    return this.#wanted.length + this.#fetching + this.#running;
  }

  async #runRefill(): Promise<void> {
    const { queue, drain, pollMs } = this.#around;
    while (!drain.aborted) {
      const limit = this.#appetite - this.#held;
      if (limit > 0) this.#isEmpty = true;
      const claims = limit > 0 ? await queue.take(limit) : [];
      // Unless somebody has announced some meanwhile, which may not have been seen.
      if (claims.length === limit) this.#isEmpty = false;
      this.#announced = claims.length < limit ? 0 : Math.max(0, this.#announced - claims.length);
      const ours = await this.#leaveOthers(claims);
      if (ours.length > 0) {
        const found = await queue.read(ours);
        for (const claim of ours) {
          const read = found.get(claim);
          if (read === undefined) await queue.release([claim]);
          else this.#wanted.push({ claim, ...read, claimedMs: Date.now(), hadAtMs: performance.now() });
        }
        this.#fetchNow.wake();
      }
      if (claims.length < limit || limit <= 0) await this.#refillNow.wait(pollMs, drain);
    }
  }

  async #leaveOthers(claims: readonly Claim[]): Promise<readonly Claim[]> {
    const ours: Claim[] = [];
    for (const claim of claims) {
      if (this.#prefetch.canRun(claim.package)) ours.push(claim);
      else await this.#around.queue.defer(claim, NOT_OURS_SECONDS);
    }
    return ours;
  }

  async #runLane(): Promise<void> {
    const { drain, pollMs } = this.#around;
    while (!drain.aborted) {
      const wanted = this.#prefetch.hasRoom() ? this.#wanted.shift() : undefined;
      if (wanted === undefined) await this.#fetchNow.wait(pollMs, drain);
      else await this.#fetch(wanted);
    }
  }

  async #fetch(wanted: Wanted): Promise<void> {
    const { claim, task, starts, waitedMs, hadAtMs } = wanted;
    const startedMs = Date.now();
    const beganMs = performance.now();
    const tell = (error: unknown): void => {
      const { queuedAtMs, claimedMs } = wanted;
      const endedMs = Date.now();
      this.#around.onEvent({ type: "fetched", task, queuedAtMs, claimedMs, startedMs, endedMs, error });
    };
    this.#fetching += 1;
    try {
      await this.#prefetch.fetch(task, AbortSignal.any([this.#around.drain, claim.lost]));
      tell(null);
      this.#running += 1;
      const way = { claimMs: waitedMs, fetchMs: performance.now() - beganMs, hadAtMs };
      this.#exits.ready(claim, starts, this.#runMs, way);
    } catch (error) {
      tell(error);
      await this.#prefetch.forget(task.id);
      await this.#failed(wanted, error);
    } finally {
      this.#fetching -= 1;
    }
  }

  async #failed({ claim, task, queuedAtMs }: Wanted, error: unknown): Promise<void> {
    const { queue, drain, onEvent } = this.#around;
    if (claim.lost.aborted) return;
    if (drain.aborted) {
      this.#cutShort.push(claim);
      return;
    }
    if (!mayHelpLater(error) || Date.now() - queuedAtMs > this.#prefetch.giveUpMs) {
      await this.#exits.fail(claim, task, queuedAtMs, error);
      return;
    }
    const retryAfterSeconds = backoffSeconds(queue.earlierClaims(claim), LONGEST_WAIT_SECONDS);
    onEvent({ type: "deferred", task, error, retryAfterSeconds });
    await queue.defer(claim, retryAfterSeconds);
  }
}
