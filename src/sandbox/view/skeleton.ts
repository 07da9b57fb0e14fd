import { createHash } from "node:crypto";
import { chmod, mkdir, rename, rm, stat, symlink, writeFile } from "node:fs/promises";
import path from "node:path/posix";

import { codeOf } from "../../domain/unknown.ts";
import { newDraftName } from "./drafts.ts";
import type { Entry } from "./view.ts";

/**
 * A folder with all mount points and links of a view, and nothing else: shown read-only, it is a sandbox's root.
 * Whole from its first moment, for any number of processes at once.
 * @param folders mount points beside those of the view, absolute
 * @param files the same, for files
 */
export async function makeSkeleton(
  roots: string,
  entries: readonly Entry[],
  folders: readonly string[],
  files: readonly string[] = [],
): Promise<string> {
  const root = skeletonOf(roots, entries, folders, files);
  if (await exists(root)) return root;
  const draft = `${root}.${newDraftName()}`;
  await makeFolder(draft, draft);
  for (const folder of folders) await makeFolder(draft, path.join(draft, folder));
  for (const entry of entries) {
    const target = path.join(draft, entry.target);
    if (entry.kind === "link" || isFileEntry(entry)) await makeFolder(draft, path.dirname(target));
    if (entry.kind === "link") await symlink(entry.to, target);
    else if (isFileEntry(entry)) await makeFile(target);
    else await makeFolder(draft, target);
  }
  for (const file of files) {
    await makeFolder(draft, path.dirname(path.join(draft, file)));
    await makeFile(path.join(draft, file));
  }
  try {
    await rename(draft, root);
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    if (codeOf(error) !== "ENOTEMPTY" && codeOf(error) !== "EEXIST") throw error;
  }
  return root;
}

/** Where `makeSkeleton` puts it. */
export function skeletonOf(
  roots: string,
  entries: readonly Entry[],
  folders: readonly string[],
  files: readonly string[] = [],
): string {
  const hash = createHash("sha256").update(JSON.stringify([folders, files]));
  for (const entry of entries) {
    const detail = entry.kind === "link" ? entry.to : String(isFileEntry(entry));
    hash.update(`${entry.kind}\0${entry.target}\0${detail}\0`);
  }
  return path.join(roots, hash.digest("hex").slice(0, 32));
}

export function isFileEntry(entry: Entry): boolean {
  if (entry.kind === "device") return true;
  return entry.kind === "read-only" && entry.isFile === true;
}

/** Readable by every user, whatever the umask. */
async function makeFolder(base: string, folder: string): Promise<void> {
  if (folder !== base && folder.startsWith(`${base}/`)) await makeFolder(base, path.dirname(folder));
  await mkdir(folder, { recursive: true });
  await chmod(folder, 0o755);
}

async function makeFile(file: string): Promise<void> {
  await writeFile(file, "", { mode: 0o644 });
  await chmod(file, 0o644);
}

async function exists(file: string): Promise<boolean> {
  try {
    await stat(file);
    return true;
  } catch {
    return false;
  }
}
