import { randomBytes } from "node:crypto";
import { lstatSync, readdirSync, rmSync } from "node:fs";
import { open, rename, rm } from "node:fs/promises";
import path from "node:path/posix";

import { isStaleSandbox, sandboxNamePrefix } from "../../cgroup/owner.ts";

const PREFIX = ".draft-";
/** Of a draft that nobody can be found for, as of another container: making one takes minutes. */
const OLD_MS = 24 * 3_600_000;

/** Where in a folder something is made that will be there whole or not at all. Its name says whose it is. */
export function draftIn(folder: string): string {
  return path.join(folder, `${PREFIX}${sandboxNamePrefix()}${randomBytes(6).readUIntBE(0, 6)}`);
}

/**
 * A file that is there whole or not at all, for any number of processes at once, and where power is lost: nobody looks
 * into it again. With this mode, whatever the umask.
 */
export async function writeWhole(file: string, content: Uint8Array, mode: number): Promise<void> {
  const draft = draftIn(path.dirname(file));
  try {
    await using handle = await open(draft, "wx");
    await handle.writeFile(content);
    await handle.chmod(mode);
    await handle.sync();
    await rename(draft, file);
  } finally {
    await rm(draft, { force: true });
  }
}

/** What processes that were killed were making in a folder. */
export function removeStaleDrafts(folder: string): void {
  for (const name of namesIn(folder)) {
    const draft = path.join(folder, name);
    if (!name.startsWith(".") || !(isStaleSandbox(name.slice(PREFIX.length)) || isOld(draft))) continue;
    try {
      rmSync(draft, { recursive: true, force: true });
    } catch {
      // Another user's.
    }
  }
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function isOld(file: string): boolean {
  const { mtimeMs } = lstatSync(file, { throwIfNoEntry: false }) ?? { mtimeMs: Infinity };
  return mtimeMs < Date.now() - OLD_MS;
}
