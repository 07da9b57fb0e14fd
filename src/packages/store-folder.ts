import { randomBytes } from "node:crypto";
import { chmod, mkdir, open, rename, rm, symlink } from "node:fs/promises";
import path from "node:path";

import { codeOf } from "../domain/unknown.ts";
import { type DigestEntry, packageDigest } from "./digest.ts";
import { digestFolder } from "./digest-folder.ts";
import { listFolder } from "./list-folder.ts";
import { readEntry } from "./read-entry.ts";

/** A folder in the store. */
export interface StoredFolder {
  readonly digest: string;
  /** Absolute. */
  readonly folder: string;
}

/** What kinds of folders are kept, and below which folder of `home`. */
export type Shelf = "packages" | "dependencies/trees";

/**
 * Puts a copy of a folder into `<home>/packages/<hex of its digest>`, unless it is there already.
 * The digest is that of the bytes copied, even if the folder changes meanwhile. Any number of processes
 * may do this at once: a copy appears whole, by a rename.
 * @param source absolute, without links in it
 * @throws WhiskersError `package-unreadable`
 */
export async function storeFolder(
  source: string,
  home: string,
  shelf: Shelf = "packages",
): Promise<StoredFolder> {
  const cacheFolder = path.join(home, "cache", "digests");
  const wanted = await digestFolder(source, cacheFolder);
  const there = folderOf(home, shelf, wanted);
  if (await isIntact(there, wanted, cacheFolder)) return { digest: wanted, folder: there };
  const draft = path.join(home, shelf, `.draft-${process.pid}-${randomBytes(6).toString("hex")}`);
  try {
    const digest = await copyFolder(source, draft);
    const folder = folderOf(home, shelf, digest);
    await putInPlace(draft, folder, () => isIntact(folder, digest, cacheFolder));
    return { digest, folder };
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

/** A stored folder by its digest, or null when it is not there, or not as it was. */
export async function findStored(home: string, shelf: Shelf, digest: string): Promise<StoredFolder | null> {
  const folder = folderOf(home, shelf, digest);
  const isThere = await isIntact(folder, digest, path.join(home, "cache", "digests"));
  return isThere ? { digest, folder } : null;
}

function folderOf(home: string, shelf: Shelf, digest: string): string {
  return path.join(home, shelf, digest.slice("sha256:".length));
}

/** Someone may have changed or half removed a copy; then it is made anew. */
async function isIntact(folder: string, digest: string, cacheFolder: string): Promise<boolean> {
  try {
    return (await digestFolder(folder, cacheFolder)) === digest;
  } catch {
    return false;
  }
}

async function copyFolder(source: string, target: string): Promise<string> {
  await makeFolder(target);
  const made = new Set([target]);
  const copied: DigestEntry[] = [];
  for (const entry of await listFolder(source)) {
    const file = path.join(target, entry.path);
    await makeFolders(path.dirname(file), made);
    if (entry.kind === "link") {
      await symlink(entry.target, file);
      copied.push(await readEntry(source, entry));
      continue;
    }
    await using out = await open(file, "wx");
    copied.push(
      await readEntry(source, entry, async (chunk) => {
        await out.writeFile(chunk);
      }),
    );
    await out.chmod(entry.executable ? 0o755 : 0o644);
  }
  return packageDigest(copied);
}

async function makeFolders(folder: string, made: Set<string>): Promise<void> {
  if (made.has(folder)) return;
  await makeFolders(path.dirname(folder), made);
  await makeFolder(folder);
  made.add(folder);
}

/** Readable by the sandbox's user, whatever the umask. */
async function makeFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  await chmod(folder, 0o755);
}

async function putInPlace(draft: string, folder: string, isThere: () => Promise<boolean>): Promise<void> {
  for (;;) {
    try {
      await rename(draft, folder);
      return;
    } catch (error) {
      const code = codeOf(error);
      if (code !== "ENOTEMPTY" && code !== "EEXIST") throw error;
    }
    // Another process was first, or a damaged copy lies there.
    if (await isThere()) return;
    const damaged = `${draft}-damaged`;
    await rename(folder, damaged).catch((error: unknown) => {
      if (codeOf(error) !== "ENOENT") throw error;
    });
    await rm(damaged, { recursive: true, force: true });
  }
}
