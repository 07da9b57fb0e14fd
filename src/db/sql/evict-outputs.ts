import type { Connection } from "../database.ts";

/** Let go by one statement for want of room. */
const AT_ONCE = 10_000;

/**
 * Lets go what was kept for longer than that or has no room even alone, and of the rest what was used longest ago until it
 * fits. Outputs that have arrived go with it; others wait for their delivery as if they had not been kept. Returns how many
 * were let go.
 */
export async function evictOutputs(
  connection: Connection,
  mostBytes: number,
  ageMs: number,
): Promise<number> {
  let all = 0;
  for (;;) {
    const evicted = await evictSome(connection, mostBytes, ageMs);
    all += evicted;
    if (evicted < AT_ONCE) return all;
  }
}

/** Adding up all that is kept takes a tenth of the time of putting it into its order, which is done for the oldest alone. */
async function evictSome(connection: Connection, mostBytes: number, ageMs: number): Promise<number> {
  const rows = await connection.query<{ evicted: number }>(
    `with fitting as (
       select sum(output_bytes) as bytes from whiskers.cache
       where made_at > now() - $2::float8 * interval '1 millisecond' and output_bytes <= $1::float8
     ), oldest as (
       select key, sum(output_bytes) over (order by used_at, key) - output_bytes as bytes_before
       from (
         select key, used_at, output_bytes from whiskers.cache
         where made_at > now() - $2::float8 * interval '1 millisecond' and output_bytes <= $1::float8
         order by used_at, key limit ${AT_ONCE}
       ) as first
     ), evicted as (
       delete from whiskers.cache
       where made_at <= now() - $2::float8 * interval '1 millisecond' or output_bytes > $1::float8
         or key in (select key from oldest, fitting where fitting.bytes - oldest.bytes_before > $1::float8)
       returning run_id
     ), output as (
       delete from whiskers.output using evicted, whiskers.run, whiskers.task
       where output.run_id = evicted.run_id and run.id = evicted.run_id and task.id = run.task_id
         and task.state = 'succeeded' and task.origin is not null
     )
     select count(*)::int as evicted from evicted`,
    [mostBytes, ageMs],
  );
  return rows[0]?.evicted ?? 0;
}
