import { randomBytes } from "node:crypto";
import { open, rename, rm } from "node:fs/promises";
import path from "node:path";

/** A name in `drafts/` that nobody else uses. */
export function draftFile(store: string): string {
  return path.join(store, "drafts", `${process.pid}-${randomBytes(8).toString("hex")}`);
}

/**
 * Writes a small file so that it appears whole or not at all, and is on the disk when this returns.
 * @param store folder of the store, which has `drafts/`
 */
export async function writeWhole(store: string, file: string, text: string): Promise<void> {
  const draft = draftFile(store);
  try {
    await using handle = await open(draft, "wx", 0o644);
    await handle.writeFile(text);
    await handle.sync();
    await moveIntoPlace(draft, file);
  } finally {
    await rm(draft, { force: true });
  }
}

/** Renames what is on the disk already, and waits until the rename is on the disk too. */
export async function moveIntoPlace(draft: string, place: string): Promise<void> {
  await rename(draft, place);
  await syncFolder(path.dirname(place));
}

export async function syncFolder(folder: string): Promise<void> {
  await using handle = await open(folder, "r");
  await handle.sync();
}
