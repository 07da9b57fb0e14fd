import { DatabaseSync } from "node:sqlite";
import { setTimeout as delay } from "node:timers/promises";

import { WhiskersError } from "../../errors.ts";

/** A lock that is held until it is released or its process ends, however it ends. */
export interface FileLock {
  /** Idempotent. */
  release(): void;
}

/** How often a lock that somebody else has is asked for. */
const ASK_MS = 20;

/**
 * Any number of holders share it. Waits while somebody holds it exclusively.
 * @param file made when it is not there; never delete it while anybody may use it
 */
export async function lockShared(file: string, signal?: AbortSignal): Promise<FileLock> {
  for (;;) {
    requireWanted(signal);
    const lock = tryLock(file, "BEGIN; SELECT count(*) FROM sqlite_schema");
    if (lock !== null) return lock;
    await delay(ASK_MS);
  }
}

/** Nobody else holds it. Null when somebody did for as long as `patienceMs`. */
export async function lockExclusively(
  file: string,
  patienceMs: number,
  signal?: AbortSignal,
): Promise<FileLock | null> {
  const untilMs = performance.now() + patienceMs;
  for (;;) {
    requireWanted(signal);
    const lock = tryLock(file, "BEGIN EXCLUSIVE");
    if (lock !== null || performance.now() >= untilMs) return lock;
    await delay(ASK_MS);
  }
}

function requireWanted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true)
    throw new WhiskersError("cancelled", "waiting for the image store was cancelled");
}

/**
 * Node.js offers no file locks of its own; SQLite, which is part of it, takes the kernel's and tells the
 * users within one process apart. The database stays empty: only its lock is used.
 */
function tryLock(file: string, statements: string): FileLock | null {
  const database = new DatabaseSync(file, { timeout: 0 });
  try {
    database.exec(statements);
  } catch (error) {
    database.close();
    if (isBusy(error)) return null;
    throw error;
  }
  return {
    release() {
      if (database.isOpen) database.close();
    },
  };
}

const SQLITE_BUSY = 5;

function isBusy(error: unknown): boolean {
  return error instanceof Error && "errcode" in error && error.errcode === SQLITE_BUSY;
}
