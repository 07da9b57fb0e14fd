import { deleteInstalled } from "../db/sql/delete-installed.ts";
import { type Installed, listInstalled } from "../db/sql/list-installed.ts";
import { didYouMean } from "../domain/closest.ts";
import { WhiskersError } from "../errors.ts";
import { formatReference, parseReference } from "../packages/images/reference.ts";
import { flag } from "./arguments.ts";
import type { Command } from "./command.ts";
import { openLedger } from "./open-ledger.ts";

export const command: Command = {
  help: `whiskers uninstall ID|REFERENCE... [--json]

Takes back what \`whiskers install\` gave to the supervisors on the database: by the id of the normalizer, or by
the reference that it was installed by or pinned to. Supervisors stop taking its tasks within seconds; runs
that have begun end. The image stays in the local stores until \`whiskers rm\`.

  --json   one JSON document
`,
  options: { json: { type: "boolean" } },
  positionals: [1, 1000],
  async run(args, context) {
    await using database = await openLedger(context);
    const uninstalled: Installed[] = [];
    const there = await listInstalled(database);
    // All are looked for before any is taken away.
    const meant = args.positionals.map((given) => find(given, there));
    for (const one of meant) {
      if (await deleteInstalled(database, one.normalizer)) uninstalled.push(one);
      if (!flag(args, "json")) await context.out(`${one.normalizer}  ${one.pinned}  uninstalled\n`);
    }
    if (flag(args, "json")) {
      const documents = uninstalled.map(({ normalizer, reference, pinned }) => ({
        normalizer,
        reference,
        pinned,
      }));
      await context.out(`${JSON.stringify({ uninstalled: documents }, null, 2)}\n`);
    }
    return 0;
  },
};

function find(given: string, there: readonly Installed[]): Installed {
  const byId = there.find(({ normalizer }) => normalizer === given);
  if (byId !== undefined) return byId;
  const wanted = asReference(given);
  const byReference = there.find(({ reference, pinned }) => reference === wanted || pinned === wanted);
  if (byReference !== undefined) return byReference;
  const ids = there.map(({ normalizer }) => normalizer);
  throw new WhiskersError(
    "usage",
    `${JSON.stringify(given)} is not installed${didYouMean(given, ids)}; what is: whiskers catalogue`,
  );
}

/** In full. Null: it is none. */
function asReference(text: string): string | null {
  try {
    return formatReference(parseReference(text));
  } catch {
    return null;
  }
}
