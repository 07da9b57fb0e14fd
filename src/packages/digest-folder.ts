import { createHash } from "node:crypto";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import path from "node:path";

import { type DigestEntry, packageDigest } from "./digest.ts";
import { type FolderEntry, listFolder } from "./list-folder.ts";
import { readEntry } from "./read-entry.ts";

/**
 * How old the newest change in a folder must be before its digest is remembered, milliseconds. A file
 * written twice within one tick of the file system's clock looks unchanged; ticks are at most 2 s (FAT).
 */
const SETTLED_MS = 3000;

/**
 * The digest of a folder. It is remembered under `cacheFolder` by the stamps (inode, size, mode, times) of
 * all its files, so that an unchanged folder is listed but not read.
 * @throws WhiskersError `package-unreadable`
 */
export async function digestFolder(folder: string, cacheFolder: string): Promise<string> {
  const entries = await listFolder(folder);
  const stamps = hashOf(entries.map((entry) => `${entry.path}\0${entry.stamp}\n`).join(""));
  const cacheFile = path.join(cacheFolder, hashOf(folder));
  const remembered = await readRemembered(cacheFile, stamps);
  if (remembered !== null) return remembered;
  const read: DigestEntry[] = [];
  for (const entry of entries) read.push(await readEntry(folder, entry));
  const digest = packageDigest(read);
  if (hasSettled(entries)) await remember(cacheFile, stamps, digest);
  return digest;
}

function hashOf(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

async function readRemembered(cacheFile: string, stamps: string): Promise<string | null> {
  try {
    const [knownStamps, digest = ""] = (await readFile(cacheFile, "utf8")).split("\n");
    return knownStamps === stamps && /^sha256:[0-9a-f]{64}$/u.test(digest) ? digest : null;
  } catch {
    return null; // Not there, or damaged: the folder is read.
  }
}

function hasSettled(entries: readonly FolderEntry[]): boolean {
  const changedMs = entries.map((entry) => Number(BigInt(entry.stamp.split(" ")[4] ?? 0) / 1_000_000n));
  return Math.max(0, ...changedMs) < Date.now() - SETTLED_MS;
}

async function remember(cacheFile: string, stamps: string, digest: string): Promise<void> {
  const draft = `${cacheFile}.${process.pid}.${performance.now()}`;
  await mkdir(path.dirname(cacheFile), { recursive: true });
  await writeFile(draft, `${stamps}\n${digest}\n`);
  await rename(draft, cacheFile);
}
