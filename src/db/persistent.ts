import { setTimeout as sleep } from "node:timers/promises";

import { codeOf, messageOf } from "../domain/unknown.ts";
import type { Database } from "./database.ts";

const FIRST_WAIT_MS = 50;
const LONGEST_WAIT_MS = 2000;

export interface PersistentOptions {
  /** How long one statement or transaction is tried, milliseconds. */
  readonly giveUpMs: number;
  readonly onTrouble: (error: unknown) => void;
  readonly stop: AbortSignal;
}

/**
 * A database that is tried again while its server is away or asks for it (a restart, a lost connection, a
 * deadlock). A transaction whose answer was lost may have been committed: what runs on this has to bear
 * being done twice.
 */
export function persistent(database: Database, options: PersistentOptions): Database {
  return {
    kind: database.kind,
    version: database.version,
    query: (statement, values) => insist(() => database.query(statement, values), options),
    script: (statements) => insist(() => database.script(statements), options),
    transaction: (work) => insist(() => database.transaction(work), options),
    close: () => database.close(),
  };
}

async function insist<T>(attempt: () => Promise<T>, options: PersistentOptions): Promise<T> {
  const untilMs = performance.now() + options.giveUpMs;
  for (let boundMs = FIRST_WAIT_MS; ; boundMs = Math.min(LONGEST_WAIT_MS, boundMs * 2)) {
    try {
      return await attempt();
    } catch (error) {
      if (!isPassing(error) || options.stop.aborted || performance.now() > untilMs) throw error;
      options.onTrouble(error);
      await sleep(boundMs / 2 + (Math.random() * boundMs) / 2);
    }
  }
}

/** Connection trouble of the operating system's, and of PostgreSQL's classes 08, 53, 57P and 40. */
const PASSING_CODE =
  /^(?:ECONNREFUSED|ECONNRESET|EPIPE|ENOENT|ETIMEDOUT|EHOSTUNREACH|EAI_AGAIN|08...|53300|57P0[1-4]|40001|40P01)$/u;
/** node-postgres gives these no code. */
const PASSING_MESSAGE =
  /^(?:Connection terminated|timeout exceeded when trying to connect|Client has encountered a connection error)/u;

function isPassing(error: unknown): boolean {
  if (error instanceof AggregateError) return error.errors.every(isPassing);
  return PASSING_CODE.test(codeOf(error) ?? "") || PASSING_MESSAGE.test(messageOf(error));
}
