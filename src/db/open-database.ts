import type { Database } from "./database.ts";
import { openEmbedded } from "./embedded.ts";
import { migrate } from "./migrate.ts";
import { openPostgres } from "./postgres.ts";

export interface DatabaseOptions {
  /** A PostgreSQL URL; null: the embedded database in `home`. */
  readonly url: string | null;
  /** Folder for state on this machine. */
  readonly home: string;
}

/**
 * Opens the database and brings its schema up to date.
 * @throws WhiskersError `state-locked`, `database-unavailable`, `database-newer`
 */
export async function openDatabase({ url, home }: DatabaseOptions): Promise<Database> {
  const database = url === null ? await openEmbedded(home) : await openPostgres(url);
  try {
    await migrate(database);
    return database;
  } catch (error) {
    await database.close();
    throw error;
  }
}
