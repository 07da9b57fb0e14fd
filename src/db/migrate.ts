import { readFile, readdir } from "node:fs/promises";

import { WhiskersError } from "../errors.ts";
import type { Connection, Database } from "./database.ts";

/** Any number, the same in every Whiskers: PostgreSQL's advisory locks are known by number alone. */
const MIGRATION_LOCK = 7_467_125_109;

const MIGRATIONS = new URL("migrations/", import.meta.url);

/**
 * Brings the schema `whiskers` to what this version needs: every file of `migrations/` that was not
 * applied yet, in the order of their numbers, all in one transaction. Several processes may start at
 * once: one works, the others wait for it and find nothing left to do.
 * @returns the numbers that were applied now
 * @throws WhiskersError `database-newer` the database has migrations that this version does not know
 */
export async function migrate(database: Database, migrations: URL = MIGRATIONS): Promise<readonly number[]> {
  const known = await listMigrations(migrations);
  return database.transaction(async (connection) => {
    await connection.query("select pg_advisory_xact_lock($1)", [MIGRATION_LOCK]);
    await connection.script(`
      create schema if not exists whiskers;
      create table if not exists whiskers.migration (
        number integer primary key,
        name text not null,
        applied_at timestamptz not null default now()
      )`);
    const applied = await appliedNumbers(connection);
    refuseNewer(applied, known);
    const missing = known.filter(({ number }) => !applied.includes(number));
    for (const { number, name, file } of missing) {
      await connection.script(await readFile(file, "utf8"));
      await connection.query("insert into whiskers.migration (number, name) values ($1, $2)", [number, name]);
    }
    return missing.map(({ number }) => number);
  });
}

interface Migration {
  readonly number: number;
  readonly name: string;
  readonly file: URL;
}

/** `0001-tasks-and-runs.sql`, in order; anything else in the folder is an error of ours. */
async function listMigrations(folder: URL): Promise<readonly Migration[]> {
  const names = await readdir(folder);
  return names.toSorted().map((name, index) => {
    const number = Number(/^(?<number>\d{4})-[a-z0-9-]+\.sql$/u.exec(name)?.groups?.["number"]);
    if (number !== index + 1) throw new Error(`migrations/${name}: expected number ${index + 1}`);
    return { number, name, file: new URL(name, folder) };
  });
}

async function appliedNumbers(connection: Connection): Promise<readonly number[]> {
  const rows = await connection.query<{ number: number }>("select number from whiskers.migration");
  return rows.map(({ number }) => number);
}

function refuseNewer(applied: readonly number[], known: readonly Migration[]): void {
  const newest = Math.max(0, ...applied);
  if (newest <= known.length) return;
  const message = `the database is at schema ${newest}; this Whiskers knows schemas up to ${known.length}`;
  throw new WhiskersError("database-newer", message);
}
