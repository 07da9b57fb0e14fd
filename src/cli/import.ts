import { realpath } from "node:fs/promises";
import path from "node:path";

import { fileTroubleOf } from "../domain/unknown.ts";
import { WhiskersError } from "../errors.ts";
import { flag, textOption } from "./arguments.ts";
import type { Command, Context } from "./command.ts";
import { distributionOf } from "./import/distributions.ts";
import { type Need, type Plugin, readPlugins } from "./import/read-plugins.ts";
import { writePlugins } from "./import/write-plugins.ts";
import { openStages } from "./open-stages.ts";
import { columnsOf, pad } from "./terminal/columns.ts";
import { printable } from "./terminal/printable.ts";
import { warn } from "./warn.ts";

export const command: Command = {
  help: `whiskers import FOLDER [--write TARGET] [--json]

Lists the normalizers of a folder of OpenKAT plugins: which run here as they are, and what the others
need. Their Python is read in a sandbox and not run. They need no change to run: \`whiskers run
FOLDER/PLUGIN\` and WHISKERS_NORMALIZERS take such folders as they are.

  --write TARGET   write a copy of each to TARGET, by id, with the modules of other plugins that it
                   imports, and with its libraries named in its manifest, so that they are installed
  --json           one JSON document

Exit codes: 0 all of them run, or were written; 1 some do not; 2 wrong usage or unreadable input;
3 the platform failed.

  whiskers import nl-kat-coordination/boefjes/boefjes/plugins
`,
  options: { write: { type: "string" }, json: { type: "boolean" } },
  positionals: [1, 1],
  async run(args, context) {
    const [given = ""] = args.positionals;
    const root = await realpath(given).catch((cause: unknown) => {
      throw new WhiskersError("package-unreadable", `${given}: ${fileTroubleOf(cause)}`, { cause });
    });
    const settings = context.settings();
    await using stages = openStages(
      settings,
      () => Promise.reject(new Error("import runs no tasks")),
      {},
      { warn: warn(context) },
    );
    const options = { runtime: settings.runtime, state: "auto" } as const;
    const tree = await readPlugins(root, stages, options, context.signal);
    const target = textOption(args, "write");
    const written = target === undefined ? [] : await writePlugins(tree, path.resolve(target));
    await (flag(args, "json")
      ? context.out(
          `${JSON.stringify({ plugins: tree.plugins.map((plugin) => ({ ...plugin, runs: runs(plugin) })), written })}\n`,
        )
      : show(tree.plugins, written, context));
    const lacking = tree.plugins.filter((plugin) =>
      target === undefined ? !runs(plugin) : !isWhole(plugin),
    );
    return lacking.length === 0 ? 0 : 1;
  },
};

/** Here, as it is. */
function runs({ needs, copies, problems }: Plugin): boolean {
  return problems.length === 0 && copies.length === 0 && needs.every(({ there }) => there);
}

/** Libraries can be installed, and modules of other plugins copied; what else is missing stays missing. */
function isWhole({ needs, problems }: Plugin): boolean {
  return problems.length === 0 && needs.every(({ kind, there }) => there || kind === "library");
}

async function show(
  plugins: readonly Plugin[],
  written: readonly string[],
  { out, outTerminal: { paint } }: Context,
): Promise<void> {
  const width = Math.max(...plugins.map(({ id }) => columnsOf(id ?? "?")));
  const lines = plugins.flatMap((plugin) => {
    const title = `${pad(printable(plugin.id ?? "?"), width)}  `;
    const [first = "", ...more] = descriptionOf(plugin);
    const colour = runs(plugin) ? "green" : "yellow";
    const indent = " ".repeat(width + 4);
    return [
      `  ${title}${paint(colour, printable(first))}`,
      ...more.map((line) => `${indent}${printable(line)}`),
    ];
  });
  const count = plugins.filter(runs).length;
  const rest = plugins.length - count;
  lines.push("", `${count} of ${plugins.length} run here as they are${rest > 0 ? `; ${rest} do not` : ""}`);
  if (written.length > 0) lines.push(`${written.length} written`);
  await out(`${lines.join("\n")}\n`);
}

function descriptionOf(plugin: Plugin): readonly string[] {
  if (plugin.kind === "native") return ["written for Whiskers"];
  const missing = plugin.needs.filter(({ there }) => !there);
  const there = plugin.needs.filter((need) => need.there && !need.optional).map(libraryOf);
  const lines = [
    ...plugin.problems.map(({ file, line, what }) => `${file}:${line}: ${what}`),
    ...missing.map(needOf),
    ...plugin.copies.map((file) => `imports ${file}, of another plugin: --write copies it`),
  ];
  const uses = there.length > 0 ? ` with ${there.join(", ")}, which is installed here` : "";
  return lines.length > 0 ? lines : [`runs${uses}`];
}

function libraryOf({ name }: Need): string {
  const distribution = distributionOf(name);
  return distribution === name ? name : `${distribution} (${name})`;
}

function needOf(need: Need): string {
  const where = `${need.file}:${need.line}`;
  if (need.kind === "library") return `needs ${libraryOf(need)}, imported in ${where}`;
  return `needs ${need.name}, imported in ${where}: ${need.why}`;
}
