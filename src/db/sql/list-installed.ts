import type { Connection } from "../database.ts";

/** A normalizer that was installed for all supervisors on this database. */
export interface Installed {
  readonly normalizer: string;
  /** As it was asked for, in full: `registry.example/dns:2`. */
  readonly reference: string;
  /** What it was resolved to, and what is run: `registry.example/dns@sha256:…`. */
  readonly pinned: string;
  readonly name: string;
  readonly version: string | null;
  /** ISO 8601. */
  readonly installedAt: string;
  /** `user@host`. */
  readonly installedBy: string;
  /** Why a supervisor could not use it; null: none had trouble. */
  readonly trouble: string | null;
  /** The supervisor that had it: host and process id. */
  readonly troubleWorker: string | null;
  /** ISO 8601. */
  readonly troubleAt: string | null;
}

/** All of them, by id. */
export function listInstalled(connection: Connection): Promise<readonly Installed[]> {
  return connection.query(
    `select
       normalizer,
       reference,
       pinned,
       name,
       version,
       to_char(installed_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as "installedAt",
       installed_by as "installedBy",
       trouble,
       trouble_worker as "troubleWorker",
       to_char(trouble_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as "troubleAt"
     from whiskers.installed
     order by normalizer`,
  );
}
