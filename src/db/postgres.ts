import { Pool } from "pg";
import type { PoolClient, QueryResult } from "pg";

import { messageOf } from "../domain/unknown.ts";
import { WhiskersError } from "../errors.ts";
import type { Connection, Database } from "./database.ts";

/** Enough for a supervisor's own statements, its job library's and a listener. */
const MAX_CONNECTIONS = 6;
const CONNECT_TIMEOUT_MS = 10_000;

/**
 * A pool of connections to a PostgreSQL server.
 * @throws WhiskersError `database-unavailable` it cannot be reached, or refuses us, or is older than 13
 */
export async function openPostgres(url: string): Promise<Database> {
  const pool = new Pool({
    connectionString: url,
    max: MAX_CONNECTIONS,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    application_name: "whiskers",
  });
  // An idle connection that the server drops is replaced at its next use; nobody else listens.
  pool.on("error", () => {});
  try {
    return new PostgresDatabase(pool, await serverVersion(pool));
  } catch (error) {
    await pool.end();
    if (error instanceof WhiskersError) throw error;
    throw new WhiskersError("database-unavailable", `${withoutPassword(url)}: ${reasonOf(error)}`, {
      cause: error,
    });
  }
}

class PostgresDatabase implements Database {
  readonly kind = "server";
  readonly version: string;
  readonly #pool: Pool;
  #closed: Promise<void> | null = null;

  constructor(pool: Pool, version: string) {
    this.#pool = pool;
    this.version = version;
  }

  query<Row extends object>(statement: string, values: readonly unknown[] = []): Promise<readonly Row[]> {
    return run<Row>(this.#pool, statement, values);
  }

  script(statements: string): Promise<readonly object[]> {
    return runScript(this.#pool, statements);
  }

  async transaction<T>(work: (connection: Connection) => Promise<T>): Promise<T> {
    const client = await this.#pool.connect();
    // A connection that dies while it is checked out emits this besides rejecting its statement.
    let broken: Error | undefined;
    const onError = (error: Error): void => {
      broken = error;
    };
    client.on("error", onError);
    try {
      await client.query("begin");
      const result = await work({
        query: (statement, values = []) => run(client, statement, values),
        script: (statements) => runScript(client, statements),
      });
      await client.query("commit");
      return result;
    } catch (error) {
      await client.query("rollback").catch((failure: unknown) => {
        broken ??= failure instanceof Error ? failure : new Error(String(failure));
      });
      throw error;
    } finally {
      client.removeListener("error", onError);
      client.release(broken);
    }
  }

  close(): Promise<void> {
    this.#closed ??= this.#pool.end();
    return this.#closed;
  }
}

async function run<Row extends object>(
  client: Pool | PoolClient,
  statement: string,
  values: readonly unknown[],
): Promise<readonly Row[]> {
  const { rows } = await client.query<Row>(statement, [...values]);
  return rows;
}

async function runScript(client: Pool | PoolClient, statements: string): Promise<readonly object[]> {
  // Without values node-postgres sends one message and gives one result per statement.
  const results: unknown = await client.query(statements);
  return (Array.isArray(results) ? results : [results]).flatMap((result: QueryResult<object>) => result.rows);
}

async function serverVersion(pool: Pool): Promise<string> {
  const statement =
    "select current_setting('server_version_num')::int as number, current_setting('server_version') as name";
  const { rows } = await pool.query<{ number: number; name: string }>(statement);
  const version = rows[0];
  if (version === undefined || version.number < 130_000) {
    const found = version?.name ?? "an unknown version";
    throw new WhiskersError(
      "database-unavailable",
      `PostgreSQL 13 or later is needed; the server is ${found}`,
    );
  }
  return version.name;
}

function withoutPassword(url: string): string {
  if (!URL.canParse(url)) return "DATABASE_URL";
  const parsed = new URL(url);
  parsed.password = "";
  parsed.search = "";
  return parsed.href;
}

function reasonOf(error: unknown): string {
  // Node.js reports several addresses that were tried as one error without a message of its own.
  return error instanceof AggregateError ? error.errors.map(messageOf).join("; ") : messageOf(error);
}
