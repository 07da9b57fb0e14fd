import type { Connection } from "../database.ts";

export interface QueueDepth {
  readonly depth: Readonly<Record<"queued" | "started" | "delivering", number>>;
  /** Age of the oldest task that is not settled, seconds; 0 when there is none. */
  readonly oldestSeconds: number;
}

/** Tasks that are not settled, by state. */
export async function queueDepth(connection: Connection): Promise<QueueDepth> {
  const rows = await connection.query<{ state: keyof QueueDepth["depth"]; count: number; age: number }>(
    `select state, count(*)::int as count, extract(epoch from now() - min(queued_at))::float8 as age
     from whiskers.task where settled_at is null group by state`,
  );
  const depth = { queued: 0, started: 0, delivering: 0 };
  for (const { state, count } of rows) depth[state] = count;
  return { depth, oldestSeconds: Math.max(0, ...rows.map(({ age }) => age)) };
}
