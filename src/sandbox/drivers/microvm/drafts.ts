import { open, rename, rm } from "node:fs/promises";
import path from "node:path/posix";

import { newDraftName } from "../../view/drafts.ts";

/** Where in a folder something is made that will be there whole or not at all. Its name says whose it is. */
export function draftIn(folder: string): string {
  return path.join(folder, `.draft-${newDraftName()}`);
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
