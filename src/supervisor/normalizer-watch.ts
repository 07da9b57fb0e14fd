import type { Database } from "../db/database.ts";
import { type Installed, listInstalled } from "../db/sql/list-installed.ts";
import { noteInstalledTrouble } from "../db/sql/note-installed-trouble.ts";
import type { Log } from "../telemetry/log.ts";
import type { Normalizers, Refreshed } from "./normalizers.ts";

/** Keeps the normalizers of a process what its settings and the database say. */
export interface NormalizerWatch {
  /** Looks at everything: folders, archives, what is installed. Says what changed, and each trouble once. */
  refresh(): Promise<void>;
  /** The same, when something was installed or uninstalled since the last time. Cheap: one statement. */
  refreshWhenInstalled(): Promise<void>;
  /** How many packages could not be used at the last look. */
  readonly troubles: number;
}

export interface NormalizerWatchOptions {
  readonly normalizers: Pick<Normalizers, "refresh">;
  readonly database: Database;
  readonly worker: string;
  readonly log: Log;
}

export function watchNormalizers({
  normalizers,
  database,
  worker,
  log,
}: NormalizerWatchOptions): NormalizerWatch {
  let seen: string | null = null;
  let told: ReadonlySet<string> = new Set();
  let troubleCount = 0;
  /** Troubles that stand in the database as this process's, by what is installed. */
  const noted = new Map<string, string>();

  const refresh = async (installed: readonly Installed[]): Promise<void> => {
    seen = stampOf(installed);
    const { added, removed, troubles } = await normalizers.refresh(installed);
    for (const normalizer of added) log.info("normalizer added", { normalizer });
    for (const normalizer of removed) log.info("normalizer removed", { normalizer });
    for (const { reason } of troubles) if (!told.has(reason)) log.error("package not refreshed", { reason });
    told = new Set(troubles.map(({ reason }) => reason));
    troubleCount = troubles.length;
    await note(installed, troubles);
  };
  const note = async (installed: readonly Installed[], troubles: Refreshed["troubles"]): Promise<void> => {
    for (const { normalizer, pinned } of installed) {
      const trouble = troubles.find((one) => one.installed === normalizer)?.reason ?? null;
      if ((noted.get(pinned) ?? null) === trouble) continue;
      await noteInstalledTrouble(database, { normalizer, pinned, worker }, trouble);
      if (trouble === null) noted.delete(pinned);
      else noted.set(pinned, trouble);
    }
  };
  return {
    refresh: async () => refresh(await listInstalled(database)),
    get troubles() {
      return troubleCount;
    },
    async refreshWhenInstalled() {
      const installed = await listInstalled(database);
      if (stampOf(installed) !== seen) await refresh(installed);
    },
  };
}

function stampOf(installed: readonly Installed[]): string {
  return JSON.stringify(installed.map(({ normalizer, pinned }) => [normalizer, pinned]));
}
