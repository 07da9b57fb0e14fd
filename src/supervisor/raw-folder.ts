import { randomUUID } from "node:crypto";
import { mkdir, readdir, rm, stat } from "node:fs/promises";
import path from "node:path";

import { type DirectoryLock, lockDirectory } from "../db/directory-lock.ts";
import { WhiskersError } from "../errors.ts";

/** A folder so young may belong to a process that is about to lock it, milliseconds. */
const YOUNG_MS = 60_000;

/** A folder of this process for raw files that are being worked on. */
export interface RawFolder {
  /** Absolute. */
  readonly path: string;
  /** Removes the folders of processes that ended without doing so. */
  sweep(): Promise<void>;
  /** Removes it with all that is in it. */
  close(): Promise<void>;
}

/** Makes it under `<home>/raws`; the folders of dead processes that lie there are removed. */
export async function openRawFolder(home: string): Promise<RawFolder> {
  const base = path.join(home, "raws");
  const name = randomUUID();
  const folder = path.join(base, name);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const lock = await lockDirectory(path.join(folder, "lock"), folder);
  const opened: RawFolder = {
    path: folder,
    async sweep() {
      for (const other of await readdir(base)) {
        if (other !== name) await removeIfDead(path.join(base, other));
      }
    },
    async close() {
      await lock.release();
      await rm(folder, { recursive: true, force: true });
    },
  };
  await opened.sweep();
  return opened;
}

async function removeIfDead(folder: string): Promise<void> {
  const found = await stat(folder).catch(() => null);
  if (found === null || Date.now() - found.birthtimeMs < YOUNG_MS) return;
  let lock: DirectoryLock;
  try {
    lock = await lockDirectory(path.join(folder, "lock"), folder);
  } catch (error) {
    if (error instanceof WhiskersError && error.code === "state-locked") return;
    throw error;
  }
  await lock.release();
  await rm(folder, { recursive: true, force: true });
}
