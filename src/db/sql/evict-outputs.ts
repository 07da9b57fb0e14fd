import type { Connection } from "../database.ts";

/**
 * Lets go what was kept for longer than that, and of the rest what was used longest ago until it fits. Outputs that have
 * arrived go with it; others wait for their delivery as if they had not been kept. Returns how many were let go.
 */
export async function evictOutputs(
  connection: Connection,
  mostBytes: number,
  ageMs: number,
): Promise<number> {
  const rows = await connection.query<{ evicted: number }>(
    `with ranked as (
       select key, made_at, sum(output_bytes) over (order by used_at desc, key) as bytes from whiskers.cache
     ), evicted as (
       delete from whiskers.cache using ranked
       where cache.key = ranked.key
         and (ranked.bytes > $1 or ranked.made_at <= now() - $2::float8 * interval '1 millisecond')
       returning cache.run_id
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
