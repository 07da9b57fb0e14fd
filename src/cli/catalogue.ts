import { readSupervisorSettings } from "../config/supervisor-settings.ts";
import { type Installed, listInstalled } from "../db/sql/list-installed.ts";
import { openNormalizers } from "../supervisor/normalizers.ts";
import { flag } from "./arguments.ts";
import type { Command, Context } from "./command.ts";
import { openLedger } from "./open-ledger.ts";
import { openPackages } from "./open-packages.ts";
import { columnsOf, pad } from "./terminal/columns.ts";
import { printable } from "./terminal/printable.ts";

export const command: Command = {
  help: `whiskers catalogue [--json]

The normalizers that supervisors run: those that the settings here name (WHISKERS_NORMALIZERS), and those that
are installed in the database for every supervisor (\`whiskers install\`): id, version, origin, digest,
reference, since when and by whom. What a supervisor could not use is said with its reason. What the settings
here name goes before what is installed with the same id.

With the embedded database no supervisor may run meanwhile; with DATABASE_URL it may.

  --json   one JSON document
`,
  options: { json: { type: "boolean" } },
  positionals: [0, 0],
  async run(args, context) {
    const fromSettings = await readFromSettings(context);
    await using database = await openLedger(context);
    const ids = new Set(fromSettings.map(({ id }) => id));
    const rows = [...fromSettings, ...(await listInstalled(database)).map((one) => rowOf(one, ids))].toSorted(
      (a, b) => (a.id < b.id ? -1 : 1),
    );
    if (flag(args, "json")) await context.out(`${JSON.stringify({ normalizers: rows }, null, 2)}\n`);
    else await show(rows, context);
    return 0;
  },
};

interface Row {
  readonly id: string;
  readonly name: string;
  readonly version: string | null;
  readonly origin: "settings" | "installed";
  readonly digest: string;
  /** A path, or the reference as it was asked for. */
  readonly reference: string;
  /** ISO 8601; null: the settings name it. */
  readonly installedAt: string | null;
  readonly installedBy: string | null;
  /** The settings here name another package with this id. */
  readonly isHidden: boolean;
  readonly trouble: {
    readonly reason: string;
    readonly worker: string | null;
    readonly at: string | null;
  } | null;
}

async function readFromSettings(context: Context): Promise<readonly Row[]> {
  const { normalizers: paths } = readSupervisorSettings(context.env);
  if (paths.length === 0) return [];
  await using packages = openPackages(context.settings(), "look");
  const normalizers = await openNormalizers(paths, packages.catalogue);
  return normalizers.entries.map(({ reference, pkg: { manifest, digest } }) => ({
    id: manifest.id,
    name: manifest.name,
    version: manifest.version,
    origin: "settings",
    digest,
    reference,
    installedAt: null,
    installedBy: null,
    isHidden: false,
    trouble: null,
  }));
}

function rowOf(one: Installed, fromSettings: ReadonlySet<string>): Row {
  return {
    id: one.normalizer,
    name: one.name,
    version: one.version,
    origin: "installed",
    digest: one.pinned.slice(one.pinned.indexOf("@") + 1),
    reference: one.reference,
    installedAt: one.installedAt,
    installedBy: one.installedBy,
    isHidden: fromSettings.has(one.normalizer),
    trouble:
      one.trouble === null ? null : { reason: one.trouble, worker: one.troubleWorker, at: one.troubleAt },
  };
}

async function show(rows: readonly Row[], { out, outTerminal: { paint } }: Context): Promise<void> {
  if (rows.length === 0) {
    await out(
      "No normalizer: name package folders or images in WHISKERS_NORMALIZERS, or whiskers install REFERENCE\n",
    );
    return;
  }
  const cells = rows.map((row) =>
    [row.id, row.version ?? "-", row.origin, row.digest.slice(0, 19)].map(printable),
  );
  const widths = [0, 1, 2, 3].map((column) =>
    Math.max(...cells.map((line) => columnsOf(line[column] ?? ""))),
  );
  for (const [index, row] of rows.entries()) {
    const [id = "", ...rest] = (cells[index] ?? []).map((text, column) => pad(text, widths[column] ?? 0));
    const since =
      row.installedAt === null ? "" : `  ${row.installedAt.slice(0, 19)}Z ${row.installedBy ?? ""}`;
    await out(`${paint("bold", id)}  ${rest.join("  ")}  ${printable(row.reference)}${printable(since)}\n`);
    if (row.isHidden)
      await out(paint("yellow", "    not run with the settings here: they name another with this id\n"));
    if (row.trouble !== null) {
      const { reason, worker, at } = row.trouble;
      await out(paint("red", `    ${printable(`not usable in ${worker ?? ""} (${at ?? ""}): ${reason}`)}\n`));
    }
  }
}
