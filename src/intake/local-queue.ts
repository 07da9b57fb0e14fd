import type { PgBoss } from "pg-boss";

import type { Database } from "../db/database.ts";
import { jobConnection, startJobLibrary } from "../db/job-library.ts";
import { countTasks } from "../db/sql/count-tasks.ts";
import type { TaskCounts } from "../db/sql/count-tasks.ts";
import { insertRuns } from "../db/sql/insert-runs.ts";
import type { RunRow } from "../db/sql/insert-runs.ts";
import { insertTasks } from "../db/sql/insert-tasks.ts";
import { settleTasks } from "../db/sql/settle-tasks.ts";
import { startTasks } from "../db/sql/start-tasks.ts";
import type { Task } from "../domain/task.ts";
import { isObject } from "../domain/unknown.ts";

const QUEUE = "task";
/** A claim that was not renewed for so long is taken to be a dead worker's. pg-boss allows 10 at least. */
const CLAIM_SECONDS = 30;
/** Renewed four times within that, so that three lost renewals lose nothing. */
const RENEWALS_PER_CLAIM = 4;
/** The job library gives up on no task by itself: how often one may be tried is the supervisor's to say. */
const RETRIES = 1_000_000;
/** The longest that the job library allows; the heartbeat notices long before. */
const LONGEST_RUN_SECONDS = 24 * 3600 - 1;

/** Jobs that are looked at in one statement. */
const PAGE = 1000;

/** A task that this process may run, until it is settled, given back, or lost. */
export interface Claim {
  readonly taskId: string;
  /** Reference of the package, to group by. */
  readonly package: string;
  /** Aborts when the claim is lost: another worker may have the task, and whatever we find is void. */
  readonly lost: AbortSignal;
}

export interface Settlement {
  readonly claim: Claim;
  readonly run: RunRow;
  /** When set, the task is not over: it is to be run again after so many seconds. */
  readonly retryAfterSeconds: number | null;
}

/** Tasks in PostgreSQL, shared by any number of processes. */
export interface LocalQueue {
  /** Adds tasks; one whose id is known already is left as it is. Returns how many are new. */
  enqueue(tasks: readonly Task[]): Promise<number>;
  /** Claims up to `limit` tasks, oldest first. Claims are renewed until they are settled. */
  take(limit: number): Promise<readonly Claim[]>;
  /**
   * Writes down that these are about to be run, so that a task that ends its workers is known as such.
   * Returns each with how often it was begun; one whose task is settled or deleted is dropped.
   */
  start(
    claims: readonly Claim[],
  ): Promise<ReadonlyMap<Claim, { readonly task: Task; readonly starts: number }>>;
  /**
   * Stores runs with their outputs and ends their claims, in one transaction. What comes of a claim
   * that was lost is refused: nothing of it is stored.
   * @returns those that were stored
   */
  settle(settlements: readonly Settlement[]): Promise<readonly Settlement[]>;
  /** Gives claims back, for anybody to take at once. */
  release(claims: readonly Claim[]): Promise<void>;
  counts(): Promise<TaskCounts>;
  /** Stops renewing. Claims that are left expire. The database stays open. Idempotent. */
  close(): Promise<void>;
}

export interface LocalQueueOptions {
  /** Troubles of work in the background: renewing, looking for expired claims. */
  readonly onError: (error: Error) => void;
  readonly claimSeconds?: number;
}

/** @throws the database's error */
export async function openLocalQueue(
  database: Database,
  { onError, claimSeconds = CLAIM_SECONDS }: LocalQueueOptions,
): Promise<LocalQueue> {
  const boss = await startJobLibrary(database, onError);
  await boss.createQueue(QUEUE, {
    heartbeatSeconds: claimSeconds,
    expireInSeconds: LONGEST_RUN_SECONDS,
    retryLimit: RETRIES,
    retryDelay: 0,
    retentionSeconds: 365 * 24 * 3600,
    deleteAfterSeconds: 3600,
  });
  await boss.updateQueue(QUEUE, { heartbeatSeconds: claimSeconds });
  const queue = new PostgresQueue(database, boss, onError, (claimSeconds * 1000) / RENEWALS_PER_CLAIM);
  // Nobody else can be using an embedded database: whoever held these claims is dead.
  if (database.kind === "embedded") await queue.releaseAll();
  return queue;
}

/** What pg-boss needs to tell this claim of a job from an earlier or later one. */
interface Attempt {
  readonly id: string;
  readonly retryCount: number;
}

interface Held {
  readonly claim: Claim;
  readonly attempt: Attempt;
  readonly lose: () => void;
}

class PostgresQueue implements LocalQueue {
  readonly #database: Database;
  readonly #boss: PgBoss;
  readonly #held = new Map<Claim, Held>();
  readonly #renewal: NodeJS.Timeout;
  #closed: Promise<void> | null = null;

  constructor(database: Database, boss: PgBoss, onError: (error: Error) => void, renewMs: number) {
    this.#database = database;
    this.#boss = boss;
    this.#renewal = setInterval(() => {
      this.#renew().catch(onError);
    }, renewMs);
    this.#renewal.unref();
  }

  enqueue(tasks: readonly Task[]): Promise<number> {
    return this.#database.transaction(async (connection) => {
      const added = new Set(await insertTasks(connection, tasks));
      const jobs = tasks
        .filter(({ id }) => added.has(id))
        .map((task) => ({ id: task.id, data: { package: task.package } }));
      if (jobs.length > 0) await this.#boss.insert(QUEUE, jobs, { db: jobConnection(connection) });
      return jobs.length;
    });
  }

  async take(limit: number): Promise<readonly Claim[]> {
    const jobs = await this.#boss.fetch<{ package: string }>(QUEUE, { batchSize: limit });
    return jobs.map((job) => {
      const lost = new AbortController();
      const claim = { taskId: job.id, package: job.data.package, lost: lost.signal };
      const attempt = { id: job.id, retryCount: job.retryCount };
      this.#held.set(claim, {
        claim,
        attempt,
        lose: () => {
          lost.abort();
        },
      });
      return claim;
    });
  }

  async start(claims: readonly Claim[]): ReturnType<LocalQueue["start"]> {
    const ids = claims.map(({ taskId }) => taskId);
    const started = await startTasks(this.#database, ids);
    const byId = new Map(started.map((one) => [one.task.id, one]));
    const gone = claims.filter(({ taskId }) => !byId.has(taskId));
    if (gone.length > 0) await this.#discard(gone);
    return new Map(
      claims.flatMap((claim) => {
        const found = byId.get(claim.taskId);
        return found === undefined ? [] : [[claim, found]];
      }),
    );
  }

  /** Jobs whose tasks are settled or were deleted have nothing left to do. */
  async #discard(claims: readonly Claim[]): Promise<void> {
    await this.#boss.complete(QUEUE, this.#attemptsOf(claims));
    for (const claim of claims) this.#held.delete(claim);
  }

  async settle(settlements: readonly Settlement[]): Promise<readonly Settlement[]> {
    const held = settlements.filter(({ claim }) => this.#held.has(claim));
    if (held.length === 0) return [];
    let stored: readonly Settlement[] = held;
    if (!(await this.#settleAll(held))) {
      // One of them was lost. One by one, it keeps nobody else from being stored.
      const one: Settlement[] = [];
      for (const settlement of held) {
        if (await this.#settleAll([settlement])) one.push(settlement);
        else this.#held.get(settlement.claim)?.lose();
      }
      stored = one;
    }
    for (const { claim } of held) this.#held.delete(claim);
    return stored;
  }

  async release(claims: readonly Claim[]): Promise<void> {
    const attempts = this.#attemptsOf(claims);
    if (attempts.length > 0) await this.#boss.fail(QUEUE, attempts, { released: true });
    for (const claim of claims) this.#held.delete(claim);
  }

  /** Every claim on this database, whoever holds it. */
  async releaseAll(): Promise<void> {
    let after: string | undefined;
    for (;;) {
      const jobs = await this.#boss.findJobs(QUEUE, {
        limit: PAGE,
        ...(after === undefined ? {} : { after }),
      });
      const active = jobs.filter(({ state }) => state === "active").map(({ id }) => id);
      if (active.length > 0) await this.#boss.fail(QUEUE, active, { released: true });
      after = jobs.at(-1)?.id;
      if (jobs.length < PAGE) return;
    }
  }

  counts(): Promise<TaskCounts> {
    return countTasks(this.#database);
  }

  close(): Promise<void> {
    clearInterval(this.#renewal);
    this.#closed ??= this.#boss.stop({ graceful: false, close: false });
    return this.#closed;
  }

  /** All or none: false when a claim was lost, and then nothing has changed. */
  async #settleAll(settlements: readonly Settlement[]): Promise<boolean> {
    const done = settlements.filter(({ retryAfterSeconds }) => retryAfterSeconds === null);
    try {
      await this.#database.transaction(async (connection) => {
        const db = jobConnection(connection);
        const attempts = this.#attemptsOf(done.map(({ claim }) => claim));
        if (attempts.length > 0)
          mustAffectAll(attempts, await this.#boss.complete(QUEUE, attempts, null, { db }));
        for (const { claim, retryAfterSeconds } of settlements) {
          if (retryAfterSeconds === null) continue;
          const [attempt] = this.#attemptsOf([claim]);
          if (attempt === undefined) continue;
          mustAffectAll([attempt], await this.#boss.fail(QUEUE, [attempt], null, { db }));
          await this.#boss.update(QUEUE, undefined, {
            id: attempt.id,
            startAfter: retryAfterSeconds,
            db,
          });
        }
        await insertRuns(
          connection,
          settlements.map(({ run }) => run),
        );
        await settleTasks(
          connection,
          done.map(({ claim, run }) => ({ id: claim.taskId, state: run.status })),
        );
      });
      return true;
    } catch (error) {
      if (error instanceof ClaimLost) return false;
      throw error;
    }
  }

  async #renew(): Promise<void> {
    const held = [...this.#held.values()];
    if (held.length === 0) return;
    const attempts = held.map(({ attempt }) => attempt);
    if (affectedBy(await this.#boss.touch(QUEUE, attempts)) === attempts.length) return;
    for (const { claim, attempt, lose } of held) {
      // Settled meanwhile is not lost.
      if (!this.#held.has(claim) || affectedBy(await this.#boss.touch(QUEUE, attempt)) === 1) continue;
      if (this.#held.delete(claim)) lose();
    }
  }

  #attemptsOf(claims: readonly Claim[]): Attempt[] {
    return claims.flatMap((claim) => this.#held.get(claim)?.attempt ?? []);
  }
}

class ClaimLost extends Error {}

function mustAffectAll(attempts: readonly Attempt[], response: object): void {
  if (affectedBy(response) !== attempts.length) throw new ClaimLost();
}

/** pg-boss documents the count but its types leave it out. */
function affectedBy(response: object): number {
  if (!isObject(response) || typeof response["affected"] !== "number") {
    throw new TypeError("pg-boss did not say how many jobs it changed");
  }
  return response["affected"];
}
