import type { Connection } from "../database.ts";

/** The end of one delivery. */
export interface DeliveryEndRow {
  readonly taskId: string;
  readonly attempt: number;
  readonly state: "delivered" | "failed";
  readonly code?: string;
  readonly message?: string;
  readonly taskState: "succeeded" | "failed";
  /** How long this attempt worked on it, milliseconds, and when it was done, by `performance.now()` of this process. */
  readonly elapsedMs: number;
  readonly doneMs: number;
}

/**
 * Writes the end of deliveries and of their tasks. The output of a task that succeeded is not needed any
 * more, unless it is kept for later runs, or went nowhere because its task came from nowhere; a run whose delivery failed is a failed
 * run. Returns how many there were: those that somebody else has taken up since are left alone.
 */
export async function settleDeliveries(
  connection: Connection,
  ends: readonly DeliveryEndRow[],
): Promise<number> {
  const nowMs = performance.now();
  const rows = await connection.query<{ settled: number }>(
    `with settled as (
       update whiskers.delivery
       set state = ended.state, code = ended.code, message = ended.message, settled_at = now(),
         deliver_ms = ended.deliver_ms, settle_ms = ended.settle_ms
       from unnest($1::uuid[], $2::integer[], $3::text[], $4::text[], $5::text[], $6::text[], $7::float8[], $8::float8[])
         as ended (task_id, attempt, state, code, message, task_state, deliver_ms, settle_ms)
       where delivery.task_id = ended.task_id and delivery.attempt = ended.attempt
         and delivery.state = 'pending'
       returning delivery.task_id, delivery.run_id, ended.code, ended.task_state
     ), task as (
       update whiskers.task
       set state = settled.task_state, settled_at = now()
       from settled where task.id = settled.task_id
     ), run as (
       update whiskers.run
       set status = 'failed', code = settled.code
       from settled where run.id = settled.run_id and settled.code is not null
     ), output as (
       delete from whiskers.output using settled, whiskers.task
       where output.run_id = settled.run_id and settled.task_state = 'succeeded'
         and task.id = settled.task_id and task.origin is not null
         and not exists (select from whiskers.cache where cache.run_id = settled.run_id)
     )
     select count(*)::int as settled from settled`,
    [
      ends.map(({ taskId }) => taskId),
      ends.map(({ attempt }) => attempt),
      ends.map(({ state }) => state),
      ends.map(({ code }) => code ?? null),
      ends.map(({ message }) => message ?? null),
      ends.map(({ taskState }) => taskState),
      ends.map(({ elapsedMs }) => elapsedMs),
      ends.map(({ doneMs }) => nowMs - doneMs),
    ],
  );
  return rows[0]?.settled ?? 0;
}
