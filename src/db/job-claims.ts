import type { PgBoss } from "pg-boss";

import { isObject } from "../domain/unknown.ts";
import type { Connection, Database } from "./database.ts";
import { jobConnection } from "./job-library.ts";

/** Renewed four times within its life, so that three lost renewals lose nothing. */
const RENEWALS_PER_CLAIM = 4;
/**
 * Part of a claim's life after which its holder no longer acts on it: whoever was stopped and goes on
 * notices by its own clock before it sends anything, long before the database gives the claim to another.
 */
const TRUSTED_LIFE = 2 / 3;
/** The job library gives up on nothing by itself: how often something is tried is the supervisor's to say. */
const RETRIES = 1_000_000;
/** The longest that the job library allows; the heartbeat notices long before. */
const LONGEST_JOB_SECONDS = 24 * 3600 - 1;
/** Jobs that are looked at in one statement. */
const PAGE = 1000;

/** A job that this process holds, until it is finished, given back, or lost. */
export interface ClaimedJob<Data> {
  readonly id: string;
  readonly data: Data;
  /** How often it was claimed before. */
  readonly earlierClaims: number;
  /** Aborts when the claim is lost: another process may have the job, and whatever we find is void. */
  readonly lost: AbortSignal;
}

export interface JobClaimsOptions {
  readonly boss: PgBoss;
  readonly queue: string;
  readonly claimSeconds: number;
  /** Troubles of renewing. */
  readonly onError: (error: Error) => void;
}

/** A claim that was lost before its job could be finished: nothing of it may be kept. */
export class ClaimLost extends Error {}

/** Work in one transaction. Null: a claim was lost, and nothing has changed. */
export async function unlessLost<T>(
  database: Pick<Database, "transaction">,
  work: (connection: Connection) => Promise<T>,
): Promise<T | null> {
  try {
    return await database.transaction(work);
  } catch (error) {
    if (error instanceof ClaimLost) return null;
    throw error;
  }
}

/** What pg-boss needs to tell this claim of a job from an earlier or later one. */
interface Attempt {
  readonly id: string;
  readonly retryCount: number;
}

interface Held {
  readonly attempt: Attempt;
  readonly lost: AbortController;
  trustedUntilMs: number;
}

/** Claims of one of the job library's queues: taken, renewed while they are held, and fenced when they end. */
export class JobClaims<Data extends object> {
  readonly #boss: PgBoss;
  readonly #queue: string;
  readonly #claimMs: number;
  readonly #held = new Map<string, Held>();
  readonly #renewal: NodeJS.Timeout;

  /** @throws the database's error */
  static async open<Data extends object>(
    database: Database,
    options: JobClaimsOptions,
  ): Promise<JobClaims<Data>> {
    const { boss, queue, claimSeconds } = options;
    await boss.createQueue(queue, {
      heartbeatSeconds: claimSeconds,
      expireInSeconds: LONGEST_JOB_SECONDS,
      retryLimit: RETRIES,
      retryDelay: 0,
      retentionSeconds: 365 * 24 * 3600,
      deleteAfterSeconds: 3600,
    });
    await boss.updateQueue(queue, { heartbeatSeconds: claimSeconds });
    const claims = new JobClaims<Data>(options);
    // Nobody else can be using an embedded database: whoever held these claims is dead.
    if (database.kind === "embedded") await claims.#releaseAll();
    return claims;
  }

  private constructor({ boss, queue, claimSeconds, onError }: JobClaimsOptions) {
    this.#boss = boss;
    this.#queue = queue;
    this.#claimMs = claimSeconds * 1000;
    this.#renewal = setInterval(() => {
      this.#renew().catch(onError);
    }, this.#claimMs / RENEWALS_PER_CLAIM);
    this.#renewal.unref();
  }

  /** Adds jobs, as part of a transaction. An id that is in the queue already is left as it is. */
  async insert(
    connection: Connection,
    jobs: readonly { readonly id: string; readonly data: Data }[],
  ): Promise<void> {
    if (jobs.length > 0) await this.#boss.insert(this.#queue, [...jobs], { db: jobConnection(connection) });
  }

  /** Claims up to `limit`, oldest first. */
  async take(limit: number): Promise<readonly ClaimedJob<Data>[]> {
    const askedMs = now();
    const jobs = await this.#boss.fetch<Data>(this.#queue, { batchSize: limit });
    return jobs.map(({ id, data, retryCount }) => {
      // That a claim was lost may be seen here first: whoever stood still takes its own job again.
      this.lose(id);
      const lost = new AbortController();
      this.#held.set(id, { attempt: { id, retryCount }, lost, trustedUntilMs: this.#trustedFrom(askedMs) });
      return { id, data, earlierClaims: retryCount, lost: lost.signal };
    });
  }

  /** Whether this process may act on the claim: it was renewed, by our own clock, not long ago. */
  holds(id: string): boolean {
    const held = this.#held.get(id);
    return held !== undefined && now() < held.trustedUntilMs;
  }

  /** The ids of those that were not lost, as far as is known here. */
  heldOf(ids: readonly string[]): readonly string[] {
    return ids.filter((id) => this.#held.has(id));
  }

  /** Removes jobs as part of a transaction. @throws ClaimLost one of them was lost: roll back */
  async finish(connection: Connection, ids: readonly string[]): Promise<void> {
    if (ids.length === 0) return;
    const attempts = this.#attemptsOf(ids);
    if (attempts.length !== ids.length) throw new ClaimLost();
    const response = await this.#boss.deleteJob(this.#queue, attempts, { db: jobConnection(connection) });
    mustAffect(attempts.length, response);
  }

  /** Gives a job back, to be taken again after so many seconds, as part of a transaction. @throws ClaimLost */
  async defer(connection: Connection, id: string, afterSeconds: number): Promise<void> {
    const [attempt] = this.#attemptsOf([id]);
    if (attempt === undefined) throw new ClaimLost();
    const db = jobConnection(connection);
    mustAffect(1, await this.#boss.fail(this.#queue, [attempt], null, { db }));
    await this.#boss.update(this.#queue, undefined, { id, startAfter: Math.ceil(afterSeconds), db });
  }

  /** Gives jobs back, for anybody to take at once. Those that were lost are nobody's concern. */
  async release(ids: readonly string[]): Promise<void> {
    const attempts = this.#attemptsOf(ids);
    // First: it may be here again, by a claim of its own, before we hear that it was given back.
    this.forget(ids);
    if (attempts.length > 0) await this.#boss.fail(this.#queue, attempts, { released: true });
  }

  /** No longer renews these: they ended. */
  forget(ids: readonly string[]): void {
    for (const id of ids) this.#held.delete(id);
  }

  lose(id: string): void {
    const held = this.#held.get(id);
    this.#held.delete(id);
    held?.lost.abort();
  }

  /** Stops renewing. Claims that are left expire. */
  close(): void {
    clearInterval(this.#renewal);
  }

  async #releaseAll(): Promise<void> {
    let after: string | undefined;
    for (;;) {
      const jobs = await this.#boss.findJobs(this.#queue, {
        limit: PAGE,
        ...(after === undefined ? {} : { after }),
      });
      const active = jobs.filter(({ state }) => state === "active").map(({ id }) => id);
      if (active.length > 0) await this.#boss.fail(this.#queue, active, { released: true });
      after = jobs.at(-1)?.id;
      if (jobs.length < PAGE) return;
    }
  }

  async #renew(): Promise<void> {
    const held = [...this.#held.values()];
    if (held.length === 0) return;
    const askedMs = now();
    const response = await this.#boss.touch(
      this.#queue,
      held.map(({ attempt }) => attempt),
    );
    if (affectedBy(response) === held.length) {
      for (const one of held) one.trustedUntilMs = this.#trustedFrom(askedMs);
      return;
    }
    for (const one of held) {
      const { id } = one.attempt;
      const againMs = now();
      // Finished meanwhile is not lost.
      if (this.#held.get(id) !== one) continue;
      if (affectedBy(await this.#boss.touch(this.#queue, one.attempt)) === 1)
        one.trustedUntilMs = this.#trustedFrom(againMs);
      else if (this.#held.get(id) === one) this.lose(id);
    }
  }

  #attemptsOf(ids: readonly string[]): Attempt[] {
    return ids.flatMap((id) => this.#held.get(id)?.attempt ?? []);
  }

  #trustedFrom(askedMs: number): number {
    return askedMs + this.#claimMs * TRUSTED_LIFE;
  }
}

/** Goes on while this process is stopped, and never back. Milliseconds. */
function now(): number {
  return performance.now();
}

function mustAffect(count: number, response: object): void {
  if (affectedBy(response) !== count) throw new ClaimLost();
}

/** pg-boss documents the count but its types leave it out. */
function affectedBy(response: object): number {
  if (!isObject(response) || typeof response["affected"] !== "number") {
    throw new TypeError("pg-boss did not say how many jobs it changed");
  }
  return response["affected"];
}
