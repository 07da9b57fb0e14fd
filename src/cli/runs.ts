import { readSupervisorSettings } from "../config/supervisor-settings.ts";
import { countTasks } from "../db/sql/count-tasks.ts";
import { type ListedRun, listRuns, type RunFilter } from "../db/sql/list-runs.ts";
import { readHistory } from "../db/sql/read-history.ts";
import { WhiskersError } from "../errors.ts";
import { flag, textOption } from "./arguments.ts";
import type { Arguments, Command, Context } from "./command.ts";
import { openLedger, taskMeant } from "./open-ledger.ts";
import { pendingSteps } from "./pending-steps.ts";
import { historyDocument } from "./report/history-document.ts";
import { historyReport } from "./report/history-report.ts";
import { listedRunDocument, listedRunLines } from "./report/run-list.ts";
import { wholeNumber } from "./whole-number.ts";

const SHOWN = 20;
/** A run's document may be megabytes: so many are in memory at once. */
const PAGE = 20;

export const command: Command = {
  help: `whiskers runs [--failed] [--normalizer ID] [--limit N] [--json] | show ID [--full] [--json]

What \`whiskers supervise\` ran, the newest first, and what came of it.

\`whiskers runs show ID\` says all that is known of one task: every run with its outcome, whose fault it was and
what to do, its log, what was rejected, times, and which code made it from which input; and what was
delivered where. ID is that of a task or of one of its runs, or the beginning of one.

With the embedded database no supervisor may run meanwhile; with DATABASE_URL it may.

  --failed          only runs that failed
  --normalizer ID   only this normalizer's
  --limit N         at most so many; default ${SHOWN}
  --full            show everything, however long
  --json            one JSON document
`,
  options: {
    failed: { type: "boolean" },
    normalizer: { type: "string" },
    limit: { type: "string" },
    full: { type: "boolean" },
    json: { type: "boolean" },
  },
  positionals: [0, 2],
  async run(args, context) {
    const [verb, id] = args.positionals;
    if (verb === undefined) await list(args, context);
    else if (verb === "show" && id !== undefined) await show(id, args, context);
    else throw new WhiskersError("usage", "whiskers runs: expected nothing, or `show` and an id");
    return 0;
  },
};

async function list(args: Arguments, context: Context): Promise<void> {
  const { out, outTerminal } = context;
  const filter: RunFilter = {
    failedOnly: flag(args, "failed"),
    normalizer: textOption(args, "normalizer") ?? null,
  };
  const limit = wholeNumber(args, "limit", SHOWN);
  const json = flag(args, "json");
  await using database = await openLedger(context);
  const counts = await countTasks(database);
  let shown = 0;
  let last: ListedRun | null = null;
  if (json) await out(`{"tasks":${JSON.stringify(counts)},"runs":[`);
  while (shown < limit && !context.signal.aborted) {
    const wanted = Math.min(PAGE, limit - shown);
    const page: readonly ListedRun[] = await listRuns(database, filter, wanted, last);
    for (const run of page) {
      await out(
        json
          ? `${shown === 0 ? "\n" : ",\n"}${JSON.stringify(listedRunDocument(run))}`
          : `${listedRunLines(run, outTerminal).join("\n")}\n`,
      );
      shown += 1;
    }
    last = page.at(-1) ?? null;
    if (page.length < wanted) break;
  }
  if (json) {
    await out("\n]}\n");
    return;
  }
  if (shown === 0) await out("No run.\n");
  const states = Object.entries(counts).map(([state, count]) => `${count} ${state}`);
  await out(outTerminal.paint("dim", `Tasks: ${states.join(", ")}\n`));
}

async function show(given: string, args: Arguments, context: Context): Promise<void> {
  await using database = await openLedger(context);
  const history = await readHistory(database, await taskMeant(database, given));
  if (history === null) throw new WhiskersError("usage", `task ${given} was deleted just now`);
  const pending = await pendingSteps(
    history,
    readSupervisorSettings(context.env),
    database,
    context.settings().home,
  );
  await context.out(
    flag(args, "json")
      ? `${JSON.stringify(historyDocument(history, pending))}\n`
      : historyReport(history, pending, context.outTerminal, flag(args, "full")),
  );
}
