import type { PgBoss } from "pg-boss";

import type { Connection, Database } from "../db/database.ts";
import { JobClaims, unlessLost } from "../db/job-claims.ts";
import { startJobLibrary } from "../db/job-library.ts";
import { countTasks } from "../db/sql/count-tasks.ts";
import type { TaskCounts } from "../db/sql/count-tasks.ts";
import { deleteTasks } from "../db/sql/delete-tasks.ts";
import { insertRuns } from "../db/sql/insert-runs.ts";
import type { RunRow } from "../db/sql/insert-runs.ts";
import { insertTasks } from "../db/sql/insert-tasks.ts";
import { readTasks, type WaitingTask } from "../db/sql/read-tasks.ts";
import { resetTasks } from "../db/sql/reset-tasks.ts";
import { setTaskStates } from "../db/sql/set-task-states.ts";
import { startTasks } from "../db/sql/start-tasks.ts";
import { taskStates } from "../db/sql/task-states.ts";
import type { TaskState } from "../db/sql/task-states.ts";
import { unstartTasks } from "../db/sql/unstart-tasks.ts";
import type { Task } from "../domain/task.ts";

const QUEUE = "task";
/** A claim that was not renewed for so long is taken to be a dead worker's. pg-boss allows 10 at least. */
const CLAIM_SECONDS = 30;

/** A task that this process may run, until it is settled, given back, or lost. */
export interface Claim {
  readonly taskId: string;
  /** Reference of the package, to group by. */
  readonly package: string;
  /** Aborts when the claim is lost: another worker may have the task, and whatever we find is void. */
  readonly lost: AbortSignal;
}

export interface TaskStarts {
  readonly task: Task;
  /** How often it was begun, this time included where it is begun. */
  readonly starts: number;
  /** Since when it waited, milliseconds of Unix time. */
  readonly queuedAtMs: number;
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
  /** Puts settled tasks into the queue again, as if they were new. Returns how many there were. */
  again(taskIds: readonly string[]): Promise<number>;
  /** Claims up to `limit` tasks, oldest first. Claims are renewed until they are settled. */
  take(limit: number): Promise<readonly Claim[]>;
  /** What the tasks are; one that was deleted is left out. */
  read(claims: readonly Claim[]): Promise<ReadonlyMap<Claim, WaitingTask>>;
  /**
   * Writes down that these are about to be run, so that a task that ends its workers is known as such.
   * Returns each with how often it was begun; one whose task is settled or deleted is dropped.
   */
  start(claims: readonly Claim[]): Promise<ReadonlyMap<Claim, TaskStarts>>;
  /**
   * Stores runs with their outputs and ends their claims, in one transaction. What comes of a claim
   * that was lost is refused: nothing of it is stored.
   * @returns those that were stored
   */
  settle(settlements: readonly Settlement[]): Promise<readonly Settlement[]>;
  /** Gives claims back, for anybody to take at once. `begun`: they were started, and that is not held against them. */
  release(claims: readonly Claim[], begun?: "begun"): Promise<void>;
  /** Takes back that they were begun: they were not run. The claims stay. */
  unstart(claims: readonly Claim[]): Promise<void>;
  /** Gives a claim back, to be taken again after so many seconds. */
  defer(claim: Claim, afterSeconds: number): Promise<void>;
  /** How often the claim's task was claimed before. */
  earlierClaims(claim: Claim): number;
  /** Whether this process may still act on the claim, by its own clock. */
  holds(claim: Claim): boolean;
  /**
   * Ends claims unworked. Tasks of a scheduler that were never begun are removed, for it to have them again:
   * their ids are returned. The others are for anybody to take at once.
   */
  withdraw(claims: readonly Claim[]): Promise<readonly string[]>;
  /** The states of those tasks that are known. */
  states(ids: readonly string[]): Promise<ReadonlyMap<string, TaskState>>;
  counts(): Promise<TaskCounts>;
  /** Stops renewing. Claims that are left expire. The database stays open. Idempotent. */
  close(): Promise<void>;
}

export interface LocalQueueOptions {
  /** Troubles of work in the background: renewing, looking for expired claims. */
  readonly onError: (error: Error) => void;
  readonly claimSeconds?: number;
  /** A job library that others use too; it is not stopped with the queue. */
  readonly boss?: PgBoss;
  /**
   * Takes over what is settled, in the same transaction: tasks are then `delivering`, and over only
   * when whoever took them over says so.
   */
  readonly deliver?: (connection: Connection, runs: readonly RunRow[]) => Promise<void>;
}

/** @throws the database's error */
export async function openLocalQueue(
  database: Database,
  { onError, claimSeconds = CLAIM_SECONDS, boss, deliver }: LocalQueueOptions,
): Promise<LocalQueue> {
  const jobs = boss ?? (await startJobLibrary(database, onError));
  const claims = await JobClaims.open<JobData>(database, { boss: jobs, queue: QUEUE, claimSeconds, onError });
  return new PostgresQueue(database, claims, boss === undefined ? jobs : null, deliver ?? null);
}

interface JobData {
  readonly package: string;
}

class PostgresQueue implements LocalQueue {
  readonly #database: Database;
  readonly #claims: JobClaims<JobData>;
  readonly #ownJobs: PgBoss | null;
  readonly #deliver: LocalQueueOptions["deliver"] | null;
  readonly #earlier = new WeakMap<Claim, number>();
  /** How often tasks had been begun when they were read. */
  readonly #starts = new WeakMap<Claim, number>();
  #closed: Promise<void> | null = null;

  constructor(
    database: Database,
    claims: JobClaims<JobData>,
    ownJobs: PgBoss | null,
    deliver: LocalQueueOptions["deliver"] | null,
  ) {
    this.#database = database;
    this.#claims = claims;
    this.#ownJobs = ownJobs;
    this.#deliver = deliver;
  }

  enqueue(tasks: readonly Task[]): Promise<number> {
    return this.#database.transaction(async (connection) => {
      const added = new Set(await insertTasks(connection, tasks));
      const fresh = tasks.filter(({ id }) => added.has(id));
      await this.#claims.insert(connection, fresh.map(jobOf));
      return fresh.length;
    });
  }

  again(taskIds: readonly string[]): Promise<number> {
    return this.#database.transaction(async (connection) => {
      const tasks = await resetTasks(connection, taskIds);
      await this.#claims.insert(connection, tasks.map(jobOf));
      return tasks.length;
    });
  }

  async take(limit: number): Promise<readonly Claim[]> {
    const jobs = await this.#claims.take(limit);
    return jobs.map(({ id, data, lost, earlierClaims }) => {
      const claim = { taskId: id, package: data.package, lost };
      this.#earlier.set(claim, earlierClaims);
      return claim;
    });
  }

  async read(claims: readonly Claim[]): ReturnType<LocalQueue["read"]> {
    const found = new Map((await readTasks(this.#database, idsOf(claims))).map((row) => [row.task.id, row]));
    const read = pair(claims, (id) => found.get(id));
    for (const [claim, { starts }] of read) this.#starts.set(claim, starts);
    return read;
  }

  async start(claims: readonly Claim[]): ReturnType<LocalQueue["start"]> {
    const ours = notLost(claims);
    const started = await startTasks(
      this.#database,
      ours.map((claim) => ({ id: claim.taskId, earlier: this.#starts.get(claim) ?? null })),
    );
    const byId = new Map(started.map((one) => [one.task.id, one]));
    // Jobs whose tasks are settled or were deleted have nothing left to do.
    const gone = ours.filter(({ taskId }) => !byId.has(taskId));
    if (gone.length > 0) await this.#discard(gone);
    return pair(ours, (id) => byId.get(id));
  }

  async #discard(claims: readonly Claim[]): Promise<void> {
    const ids = this.#heldOf(claims);
    await unlessLost(this.#database, (connection) => this.#claims.finish(connection, ids));
    this.#claims.forget(ids);
  }

  async settle(settlements: readonly Settlement[]): Promise<readonly Settlement[]> {
    const known = new Set(this.#heldOf(settlements.map(({ claim }) => claim)));
    const held = settlements.filter(({ claim }) => !claim.lost.aborted && known.has(claim.taskId));
    if (held.length === 0) return [];
    let stored: readonly Settlement[] = held;
    if (!(await this.#settleAll(held))) {
      // One of them was lost. One by one, it keeps nobody else from being stored.
      const one: Settlement[] = [];
      for (const settlement of held) {
        if (await this.#settleAll([settlement])) one.push(settlement);
        else this.#claims.lose(settlement.claim.taskId);
      }
      stored = one;
    }
    this.#claims.forget(held.map(({ claim }) => claim.taskId));
    return stored;
  }

  async release(claims: readonly Claim[], begun?: "begun"): Promise<void> {
    const ids = this.#heldOf(claims);
    if (ids.length === 0) return;
    if (begun !== undefined) await this.unstart(claims);
    await this.#claims.release(ids);
  }

  async unstart(claims: readonly Claim[]): Promise<void> {
    const ids = this.#heldOf(claims);
    if (ids.length > 0) await unstartTasks(this.#database, ids);
  }

  async defer(claim: Claim, afterSeconds: number): Promise<void> {
    if (claim.lost.aborted) return;
    await unlessLost(this.#database, (connection) =>
      this.#claims.defer(connection, claim.taskId, afterSeconds),
    );
    this.#claims.forget([claim.taskId]);
  }

  earlierClaims(claim: Claim): number {
    return this.#earlier.get(claim) ?? 0;
  }

  holds(claim: Claim): boolean {
    return !claim.lost.aborted && this.#claims.holds(claim.taskId);
  }

  async withdraw(claims: readonly Claim[]): Promise<readonly string[]> {
    const removed: string[] = [];
    for (const id of this.#heldOf(claims)) {
      const gone = await unlessLost(this.#database, async (connection) => {
        const deleted = await deleteTasks(connection, [id]);
        // One that was begun before stays, and so does its job.
        if (deleted.length > 0) await this.#claims.finish(connection, [id]);
        return deleted;
      });
      removed.push(...(gone ?? []));
    }
    await this.release(claims);
    return removed;
  }

  states(ids: readonly string[]): Promise<ReadonlyMap<string, TaskState>> {
    return ids.length === 0 ? Promise.resolve(new Map()) : taskStates(this.#database, ids);
  }

  counts(): Promise<TaskCounts> {
    return countTasks(this.#database);
  }

  close(): Promise<void> {
    this.#claims.close();
    this.#closed ??= this.#ownJobs?.stop({ graceful: false, close: false }) ?? Promise.resolve();
    return this.#closed;
  }

  /** The ids of those that were not lost, as far as is known here: the task of one that was may be held by a later claim. */
  #heldOf(claims: readonly Claim[]): readonly string[] {
    return this.#claims.heldOf(idsOf(notLost(claims)));
  }

  /** All or none: false when a claim was lost, and then nothing has changed. */
  async #settleAll(settlements: readonly Settlement[]): Promise<boolean> {
    const done = settlements.filter(({ retryAfterSeconds }) => retryAfterSeconds === null);
    const settled = await unlessLost(this.#database, async (connection) => {
      await this.#claims.finish(connection, idsOf(done.map(({ claim }) => claim)));
      for (const { claim, retryAfterSeconds } of settlements) {
        if (retryAfterSeconds !== null) await this.#claims.defer(connection, claim.taskId, retryAfterSeconds);
      }
      await insertRuns(
        connection,
        settlements.map(({ run }) => run),
      );
      const runs = done.map(({ run }) => run);
      const states = runs.map(({ taskId, status }) => ({
        id: taskId,
        state: this.#deliver === null ? status : ("delivering" as const),
      }));
      await setTaskStates(connection, states);
      await this.#deliver?.(connection, runs);
      return true;
    });
    return settled ?? false;
  }
}

function jobOf(task: Task): { readonly id: string; readonly data: JobData } {
  return { id: task.id, data: { package: task.package } };
}

function idsOf(claims: readonly Claim[]): readonly string[] {
  return claims.map(({ taskId }) => taskId);
}

function notLost(claims: readonly Claim[]): readonly Claim[] {
  return claims.filter(({ lost }) => !lost.aborted);
}

function pair<Value>(
  claims: readonly Claim[],
  find: (id: string) => Value | undefined,
): ReadonlyMap<Claim, Value> {
  return new Map(
    claims.flatMap((claim) => {
      const found = find(claim.taskId);
      return found === undefined ? [] : [[claim, found]];
    }),
  );
}
