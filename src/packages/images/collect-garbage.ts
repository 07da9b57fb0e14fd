import { readdir, rm, stat } from "node:fs/promises";
import path from "node:path";

import { WhiskersError } from "../../errors.ts";
import { type Attachments, removeOrphans } from "./attachments.ts";
import type { Blobs } from "./blobs.ts";
import { lockExclusively } from "./file-lock.ts";
import { type ImageIndex, type ImageManifest, readManifest } from "./manifest.ts";
import type { References } from "./references.ts";
import { type IdleRoot, listRoots } from "./roots.ts";

/** How much of what nothing names is kept: it saves the next build, pull or start its work. */
export interface Bounds {
  /** Of everything in the store. What is tagged or in use counts, and is kept also when it is more. */
  readonly mostBytes: number;
  /** Since it was last used, milliseconds. */
  readonly oldestMs: number;
  /** How long to wait for a moment in which nobody writes; default 5 s. */
  readonly patienceMs?: number;
}

export interface Collected {
  /** False: others held the store all the time, so nothing was looked at. */
  readonly ran: boolean;
  readonly removed: number;
  readonly removedBytes: number;
  readonly keptBytes: number;
}

interface Work {
  /** Of the store. */
  readonly folder: string;
  readonly lockFile: string;
  readonly blobs: Blobs;
  readonly references: References;
  readonly attachments: Attachments;
  readonly bounds: Bounds;
  readonly signal: AbortSignal | undefined;
}

const PATIENCE_MS = 5000;

/** Removes what was not used for long, then what was not used for longest, until the rest is small enough. */
export async function collectGarbage(work: Work): Promise<Collected> {
  const { folder, lockFile, bounds, signal } = work;
  const lock = await lockExclusively(lockFile, bounds.patienceMs ?? PATIENCE_MS, signal);
  if (lock === null) return { ran: false, removed: 0, removedBytes: 0, keptBytes: 0 };
  try {
    const oldest = Date.now() - bounds.oldestMs;
    await removeDrafts(path.join(folder, "drafts"), oldest);
    const needed = await reachable(work);
    const blobs = await listBlobs(path.join(folder, "blobs", "sha256"));
    const roots = await listRoots(folder);
    const free: readonly IdleRoot[] = [...blobs.filter(({ digest }) => !needed.has(digest)), ...roots];
    const collected = { ran: true, removed: 0, removedBytes: 0, keptBytes: sumOfBytes([...blobs, ...roots]) };
    for (const candidate of free.toSorted((a, b) => a.usedMs - b.usedMs)) {
      if (candidate.usedMs >= oldest && collected.keptBytes <= bounds.mostBytes) break;
      signal?.throwIfAborted();
      if (!(await candidate.remove())) continue;
      collected.removed += 1;
      collected.removedBytes += candidate.bytes;
      collected.keptBytes -= candidate.bytes;
    }
    await removeOrphans(folder);
    return collected;
  } finally {
    lock.release();
  }
}

/** Nobody writes: what is there was left behind. An unfinished download is kept for the next try. */
async function removeDrafts(folder: string, oldest: number): Promise<void> {
  for (const name of await readdir(folder)) {
    const file = path.join(folder, name);
    const isWanted = name.startsWith("partial-") && (await stat(file)).mtimeMs >= oldest;
    if (!isWanted) await rm(file, { recursive: true, force: true });
  }
}

/** Digests of everything that a reference leads to, and of what belongs to that. */
async function reachable({ blobs, references, attachments }: Work): Promise<ReadonlySet<string>> {
  const found = new Set<string>();
  const ahead = (await references.list()).map(({ descriptor }) => descriptor.digest);
  for (let digest = ahead.pop(); digest !== undefined; digest = ahead.pop()) {
    if (found.has(digest)) continue;
    found.add(digest);
    const manifest = await readIfThere(blobs, digest);
    if (manifest !== null) ahead.push(...(await attachments.attached(digest)).map((each) => each.digest));
    if (manifest?.kind === "index") ahead.push(...manifest.manifests.map((each) => each.digest));
    if (manifest?.kind !== "manifest") continue;
    for (const each of [manifest.config, ...manifest.layers]) found.add(each.digest);
  }
  return found;
}

/** Null: not here (another platform's), or damaged: whoever uses it will be told. */
async function readIfThere(blobs: Blobs, digest: string): Promise<ImageManifest | ImageIndex | null> {
  try {
    return await readManifest(blobs, digest);
  } catch (error) {
    if (error instanceof WhiskersError && error.code !== "store-unusable") return null;
    throw error;
  }
}

async function listBlobs(folder: string): Promise<readonly (IdleRoot & { readonly digest: string })[]> {
  const names = (await readdir(folder)).filter((name) => /^[0-9a-f]{64}$/u.test(name));
  return Promise.all(
    names.map(async (name) => {
      const file = path.join(folder, name);
      const { size, mtimeMs } = await stat(file);
      const remove = async (): Promise<boolean> => {
        await rm(file, { force: true });
        return true;
      };
      return { digest: `sha256:${name}`, bytes: size, usedMs: mtimeMs, remove };
    }),
  );
}

function sumOfBytes(candidates: readonly { readonly bytes: number }[]): number {
  return candidates.reduce((sum, { bytes }) => sum + bytes, 0);
}
