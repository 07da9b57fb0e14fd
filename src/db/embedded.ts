import { existsSync } from "node:fs";
import { chmod, mkdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";

import { PGlite } from "@electric-sql/pglite";
import type { Transaction } from "@electric-sql/pglite";

import type { Connection, Database } from "./database.ts";
import { lockDirectory } from "./directory-lock.ts";
import type { DirectoryLock } from "./directory-lock.ts";

/**
 * PostgreSQL inside this process (PGlite), its files in `<home>/db`. One process at a time.
 *
 * A new cluster is made under another name and renamed when it is complete, so that a process that is
 * killed meanwhile leaves nothing that looks like a database.
 * @throws WhiskersError `state-locked` another process uses it
 */
export async function openEmbedded(home: string): Promise<Database> {
  await mkdir(home, { recursive: true });
  const lock = await lockDirectory(join(home, "db-lock"), `the embedded database in ${home}`);
  try {
    const directory = join(home, "db");
    if (!existsSync(directory)) await initialise(directory);
    const pglite = await PGlite.create({ dataDir: directory });
    const { rows } = await pglite.query<{ version: string }>(
      "select current_setting('server_version') as version",
    );
    return new EmbeddedDatabase(pglite, rows[0]?.version ?? "", lock);
  } catch (error) {
    await lock.release();
    throw error;
  }
}

async function initialise(directory: string): Promise<void> {
  const unfinished = `${directory}.unfinished`;
  await rm(unfinished, { recursive: true, force: true });
  const pglite = await PGlite.create({ dataDir: unfinished });
  await pglite.close();
  await chmod(unfinished, 0o700);
  await rename(unfinished, directory);
}

class EmbeddedDatabase implements Database {
  readonly kind = "embedded";
  readonly version: string;
  readonly #pglite: PGlite;
  readonly #lock: DirectoryLock;
  #closed: Promise<void> | null = null;

  constructor(pglite: PGlite, version: string, lock: DirectoryLock) {
    this.#pglite = pglite;
    this.version = version;
    this.#lock = lock;
  }

  query<Row extends object>(statement: string, values: readonly unknown[] = []): Promise<readonly Row[]> {
    return run<Row>(this.#pglite, statement, values);
  }

  async script(statements: string): Promise<readonly object[]> {
    try {
      return await runScript(this.#pglite, statements);
    } catch (error) {
      // There is one connection only: a script that failed inside its own `begin` must not leave it so.
      await this.#pglite.query("rollback");
      throw error;
    }
  }

  transaction<T>(work: (connection: Connection) => Promise<T>): Promise<T> {
    return this.#pglite.transaction((transaction) =>
      work({
        query: (statement, values = []) => run(transaction, statement, values),
        script: (statements) => runScript(transaction, statements),
      }),
    );
  }

  close(): Promise<void> {
    this.#closed ??= this.#end();
    return this.#closed;
  }

  async #end(): Promise<void> {
    try {
      await this.#pglite.close();
    } finally {
      await this.#lock.release();
    }
  }
}

async function run<Row extends object>(
  on: PGlite | Transaction,
  statement: string,
  values: readonly unknown[],
): Promise<readonly Row[]> {
  const { rows } = await on.query<Row>(statement, [...values]);
  return rows;
}

async function runScript(on: PGlite | Transaction, statements: string): Promise<readonly object[]> {
  const results = await on.exec(statements);
  return results.flatMap(({ rows }) => rows);
}
