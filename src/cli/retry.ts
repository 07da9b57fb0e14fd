import type { Database } from "../db/database.ts";
import { failedTasks } from "../db/sql/failed-tasks.ts";
import { type TaskState, taskStates } from "../db/sql/task-states.ts";
import { WhiskersError } from "../errors.ts";
import { flag, textOption } from "./arguments.ts";
import type { Arguments, Command, Context } from "./command.ts";
import { openLedger, openQueue, taskMeant } from "./open-ledger.ts";

export const command: Command = {
  help: `whiskers retry ID... | --failed [--normalizer ID] [--json]

Queues failed tasks again, as if they were new. What is known of their earlier runs is kept. ID is that of a
task or of one of its runs, or the beginning of one.

With the embedded database no supervisor may run meanwhile; with DATABASE_URL it may.

  --failed          every task that failed
  --normalizer ID   of those, only this normalizer's
  --json            one JSON document

Exit codes: 0 all of them are queued, or there was none; 2 some are not: they do not exist, are under way, or
did not fail.
`,
  options: { failed: { type: "boolean" }, normalizer: { type: "string" }, json: { type: "boolean" } },
  positionals: [0, Number.POSITIVE_INFINITY],
  async run(args, context) {
    const wanted = checked(args);
    await using database = await openLedger(context);
    const ids =
      wanted.length > 0
        ? [...new Set(await Promise.all(wanted.map((id) => taskMeant(database, id))))]
        : await failedTasks(database, textOption(args, "normalizer") ?? null);
    const retries = await queueAgain(database, ids, context);
    await report(retries, flag(args, "json"), context);
    return retries.some(({ queued }) => !queued) ? 2 : 0;
  },
};

function checked(args: Arguments): readonly string[] {
  const { positionals } = args;
  const failed = flag(args, "failed");
  if (failed === positionals.length > 0) {
    throw new WhiskersError("usage", "whiskers retry: give either ids, or --failed");
  }
  if (!failed && textOption(args, "normalizer") !== undefined) {
    throw new WhiskersError("usage", "whiskers retry: --normalizer goes with --failed");
  }
  return positionals;
}

/** What was done about one task. */
interface Retry {
  readonly task: string;
  readonly queued: boolean;
  /** Before. */
  readonly state: TaskState;
}

async function queueAgain(
  database: Database,
  ids: readonly string[],
  context: Context,
): Promise<readonly Retry[]> {
  if (ids.length === 0) return [];
  const states = await taskStates(database, ids);
  const queue = await openQueue(database, context);
  try {
    const retries: Retry[] = [];
    for (const [task, state] of states) {
      const queued = state === "failed" && (await queue.again([task])) === 1;
      retries.push({ task, queued, state });
    }
    return retries;
  } finally {
    await queue.close();
  }
}

const WHY_NOT: Readonly<Record<TaskState, string>> = {
  queued: "it is queued already",
  started: "it is being run",
  delivering: "its results are being delivered",
  succeeded: "it succeeded",
  failed: "somebody else queued it just now",
};

async function report(retries: readonly Retry[], json: boolean, { out }: Context): Promise<void> {
  if (json) {
    const tasks = retries.map(({ task, queued, state }) =>
      queued ? { task, queued } : { task, queued, reason: WHY_NOT[state] },
    );
    await out(`${JSON.stringify({ tasks })}\n`);
    return;
  }
  if (retries.length === 0) await out("No task has failed.\n");
  for (const { task, queued, state } of retries) {
    await out(queued ? `${task}  queued again\n` : `${task}  not queued: ${WHY_NOT[state]}\n`);
  }
}
