import type { PgBoss } from "pg-boss";

import type { Connection, Database } from "../db/database.ts";
import { ClaimLost, JobClaims, unlessLost } from "../db/job-claims.ts";
import { insertDeliveries } from "../db/sql/insert-deliveries.ts";
import type { RunRow } from "../db/sql/insert-runs.ts";
import { readRun } from "../db/sql/read-run.ts";
import { type MadeStep, recordSteps } from "../db/sql/record-steps.ts";
import { settleDeliveries } from "../db/sql/settle-deliveries.ts";
import { takeUpDeliveries, type TakenUp } from "../db/sql/take-up-deliveries.ts";
import type { ErrorCode } from "../errors.ts";

const QUEUE = "delivery";

/** The delivery of one run that this process has to make, until it is settled, given back, or lost. */
export interface Delivery extends TakenUp {
  readonly earlierClaims: number;
  /** Aborts when the claim is lost: another process makes this delivery now. */
  readonly lost: AbortSignal;
}

/** How a delivery ended. */
export type DeliveryEnd =
  | { readonly state: "delivered" }
  | { readonly state: "failed"; readonly code: ErrorCode; readonly message: string };

export interface DeliverySettlement {
  readonly delivery: Delivery;
  readonly end: DeliveryEnd;
  /** Steps that were made and are not recorded yet. */
  readonly steps: readonly MadeStep[];
  /** State of the task from now on, for good. */
  readonly taskState: "succeeded" | "failed";
  /** How long the work on it took, milliseconds, and when it was done, by `performance.now()`. */
  readonly elapsedMs: number;
  readonly doneMs: number;
}

/** Deliveries in PostgreSQL, shared by any number of processes, as `LocalQueue` is for runs. */
export interface DeliveryQueue {
  /** Adds the deliveries of runs that are being stored, as part of the same transaction. */
  add(connection: Connection, runs: readonly RunRow[]): Promise<void>;
  /** Claims up to `limit`, oldest first. Claims are renewed until they end. Of these runs nothing needs to be read. */
  take(limit: number, knownRuns: readonly string[]): Promise<readonly Delivery[]>;
  /** The run of a delivery, with its output however large; null: it is not there (any more). */
  readRun(delivery: Delivery): ReturnType<typeof readRun>;
  /** Whether this process may still act on it, by its own clock. */
  holds(delivery: Delivery): boolean;
  /** Writes down that steps were made. False: somebody else has taken the delivery up since. */
  record(delivery: Delivery, steps: readonly MadeStep[]): Promise<boolean>;
  /** Ends deliveries and their tasks, in one transaction. Returns those whose claim was not lost. */
  settle(settlements: readonly DeliverySettlement[]): Promise<readonly DeliverySettlement[]>;
  /** Gives a delivery back, to be taken again after so many seconds. */
  defer(delivery: Delivery, afterSeconds: number): Promise<void>;
  release(deliveries: readonly Delivery[]): Promise<void>;
  /** Stops renewing. Claims that are left expire. */
  close(): void;
}

export interface DeliveryQueueOptions {
  readonly boss: PgBoss;
  readonly claimSeconds: number;
  /** Goes into the record of what this process made. */
  readonly worker: string;
  readonly onError: (error: Error) => void;
}

/** @throws the database's error */
export async function openDeliveryQueue(
  database: Database,
  options: DeliveryQueueOptions,
): Promise<DeliveryQueue> {
  return new PostgresDeliveries(
    database,
    await JobClaims.open<object>(database, { ...options, queue: QUEUE }),
    options.worker,
  );
}

class PostgresDeliveries implements DeliveryQueue {
  readonly #database: Database;
  readonly #claims: JobClaims<object>;
  readonly #worker: string;

  constructor(database: Database, claims: JobClaims<object>, worker: string) {
    this.#database = database;
    this.#claims = claims;
    this.#worker = worker;
  }

  async add(connection: Connection, runs: readonly RunRow[]): Promise<void> {
    if (runs.length === 0) return;
    await insertDeliveries(connection, runs);
    await this.#claims.insert(
      connection,
      runs.map(({ taskId }) => ({ id: taskId, data: {} })),
    );
  }

  async take(limit: number, knownRuns: readonly string[]): Promise<readonly Delivery[]> {
    const jobs = await this.#claims.take(limit);
    if (jobs.length === 0) return [];
    const found = await takeUpDeliveries(
      this.#database,
      jobs.map(({ id }) => id),
      knownRuns,
    );
    const byId = new Map(found.map((one) => [one.taskId, one]));
    const gone = jobs.filter(({ id }) => !byId.has(id)).map(({ id }) => id);
    if (gone.length > 0) await this.#discard(gone);
    return jobs.flatMap(({ id, lost, earlierClaims }) => {
      const taken = byId.get(id);
      return taken === undefined ? [] : [{ ...taken, lost, earlierClaims }];
    });
  }

  readRun({ runId }: Delivery): ReturnType<typeof readRun> {
    return readRun(this.#database, runId);
  }

  holds({ taskId, lost }: Delivery): boolean {
    return !lost.aborted && this.#claims.holds(taskId);
  }

  async record(delivery: Delivery, steps: readonly MadeStep[]): Promise<boolean> {
    const recorded = await recordSteps(this.#database, [{ ...delivery, steps }], this.#worker);
    return recorded.length > 0;
  }

  async settle(all: readonly DeliverySettlement[]): Promise<readonly DeliverySettlement[]> {
    // What was lost may be held by a later claim of this process.
    const settlements = all.filter(({ delivery }) => !delivery.lost.aborted);
    if (settlements.length === 0) return [];
    let settled = settlements;
    if (!(await this.#settleAll(settlements))) {
      const one: DeliverySettlement[] = [];
      for (const settlement of settlements) {
        if (await this.#settleAll([settlement])) one.push(settlement);
        else this.#claims.lose(settlement.delivery.taskId);
      }
      settled = one;
    }
    this.#claims.forget(settlements.map(({ delivery }) => delivery.taskId));
    return settled;
  }

  async defer(delivery: Delivery, afterSeconds: number): Promise<void> {
    if (delivery.lost.aborted) return;
    await unlessLost(this.#database, (connection) =>
      this.#claims.defer(connection, delivery.taskId, afterSeconds),
    );
    this.#claims.forget([delivery.taskId]);
  }

  async release(deliveries: readonly Delivery[]): Promise<void> {
    const ours = deliveries.filter(({ lost }) => !lost.aborted);
    await this.#claims.release(ours.map(({ taskId }) => taskId));
  }

  close(): void {
    this.#claims.close();
  }

  /** Jobs whose deliveries are settled, or were deleted, have nothing left to do. */
  async #discard(ids: readonly string[]): Promise<void> {
    await unlessLost(this.#database, (connection) => this.#claims.finish(connection, ids));
    this.#claims.forget(ids);
  }

  /** All or none: false when a claim was lost, and then nothing has changed. */
  async #settleAll(settlements: readonly DeliverySettlement[]): Promise<boolean> {
    const done = await unlessLost(this.#database, async (connection) => {
      await this.#claims.finish(
        connection,
        settlements.map(({ delivery }) => delivery.taskId),
      );
      const steps = settlements.map((one) => ({ ...one.delivery, steps: one.steps }));
      if (steps.some((one) => one.steps.length > 0)) {
        await recordSteps(connection, steps, this.#worker);
      }
      const rows = settlements.map(({ delivery, end, ...rest }) => ({ ...delivery, ...end, ...rest }));
      if ((await settleDeliveries(connection, rows)) !== rows.length) throw new ClaimLost();
      return true;
    });
    return done ?? false;
  }
}
