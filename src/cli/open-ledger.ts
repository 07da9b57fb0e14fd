import { readSupervisorSettings } from "../config/supervisor-settings.ts";
import type { Database } from "../db/database.ts";
import { openDatabase } from "../db/open-database.ts";
import { findTasks } from "../db/sql/find-tasks.ts";
import { WhiskersError } from "../errors.ts";
import { type LocalQueue, openLocalQueue } from "../intake/local-queue.ts";
import type { Context } from "./command.ts";

/**
 * The database that `whiskers supervise` works with, here and with these settings.
 * @throws WhiskersError `state-locked` it is the embedded one, and a supervisor runs; as `openDatabase`
 */
export async function openLedger({ env, settings }: Context): Promise<Database & AsyncDisposable> {
  const url = readSupervisorSettings(env).databaseUrl;
  const database = await openDatabase({ url, home: settings().home });
  return Object.assign(database, { [Symbol.asyncDispose]: () => database.close() });
}

/** The queue of tasks in it, for adding to it. */
export async function openQueue(database: Database, { env, err }: Context): Promise<LocalQueue> {
  const { claimSeconds } = readSupervisorSettings(env);
  return openLocalQueue(database, {
    claimSeconds,
    onError: ({ message }) => {
      err(`database trouble: ${message}\n`);
    },
  });
}

/** `0123abcd`, whole or only its beginning, with or without dashes. */
const ID = /^[0-9a-f](?:-?[0-9a-f]){3,31}$/iu;

/**
 * The id of the task that a person means: its own, that of one of its runs, or the beginning of either.
 * @throws WhiskersError `usage` there is none, or more than one
 */
export async function taskMeant(database: Database, given: string): Promise<string> {
  if (!ID.test(given)) {
    const message = `${JSON.stringify(given)} is no id: expected at least four hexadecimal digits of a task's or run's`;
    throw new WhiskersError("usage", message);
  }
  const digits = given.replaceAll("-", "").toLowerCase();
  const found = await findTasks(database, digits.padEnd(32, "0"), digits.padEnd(32, "f"), 2);
  const [id, other] = found;
  if (id === undefined) throw new WhiskersError("usage", `there is no task and no run ${given}`);
  if (other !== undefined) {
    throw new WhiskersError("usage", `several tasks or runs begin with ${given}: give more of the id`);
  }
  return id;
}
