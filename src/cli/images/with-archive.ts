import { mkdtemp, rm } from "node:fs/promises";
import path from "node:path";

import { readArchive, writeArchive } from "../../packages/images/archive.ts";
import type { ImageStore } from "../../packages/images/image-store.ts";
import { type Layout, openLayout } from "../../packages/images/layout.ts";

/** Uses the layout in an archive. */
export async function fromArchive<T>(
  file: string,
  store: ImageStore,
  signal: AbortSignal,
  use: (layout: Layout) => Promise<T>,
): Promise<T> {
  return inTemporaryFolder(store, async (folder) => {
    await readArchive(file, folder, signal);
    return use(await openLayout(folder));
  });
}

/** Makes an archive of the layout that is filled. */
export async function toArchive<T>(
  file: string,
  store: ImageStore,
  signal: AbortSignal,
  fill: (layout: Layout) => Promise<T>,
): Promise<T> {
  return inTemporaryFolder(store, async (folder) => {
    const result = await fill(await openLayout(folder, { make: true }));
    await writeArchive(folder, file, signal);
    return result;
  });
}

/** Among the store's drafts, where there is room for images, and `gc` finds what a kill left behind. */
async function inTemporaryFolder<T>(store: ImageStore, use: (folder: string) => Promise<T>): Promise<T> {
  using _hold = await store.hold();
  const folder = await mkdtemp(path.join(store.folder, "drafts", "archive-"));
  try {
    return await use(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
