import type { BigIntStats } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import path from "node:path";

import { isExcluded } from "../../packages/list-folder.ts";
import { Doorbell } from "./doorbell.ts";
import { FolderWatchers } from "./folder-watchers.ts";

/** What was saved. */
export interface Change {
  /** Files that are new, other than before, or gone. */
  readonly files: readonly string[];
  /** When it was noticed, `performance.now()`. */
  readonly noticedMs: number;
}

/** Editors write in several steps: a save is over when nothing happened for so long. */
const QUIET_MS = 8;
/** A file that is written to without end is looked at all the same. */
const LONGEST_SAVE_MS = 60;
/** How often we look for what the kernel does not tell: file systems of other machines, folders that came back. */
const LOOK_MS = 1000;
const MOST_FILES = 100_000;
const MOST_DEPTH = 64;

/** Of all files, by path. */
type Stamps = Map<string, string>;

/**
 * Every change of these files and folders, from when the first is asked for. It survives that they are replaced, as many
 * editors do, and that they are gone for a while. Changes that come while nobody waits are told together.
 * Ends when `signal` aborts.
 */
export async function* watchFiles(
  paths: readonly string[],
  signal: AbortSignal,
): AsyncGenerator<Change, void> {
  const doorbell = new Doorbell(signal);
  using watchers = new FolderWatchers(() => {
    doorbell.ring();
  });
  let known = await look(paths, watchers);
  while (!signal.aborted) {
    const noticedMs = await doorbell.wait(LOOK_MS);
    await doorbell.quiet(QUIET_MS, LONGEST_SAVE_MS);
    if (signal.aborted) return;
    const found = await look(paths, watchers);
    const files = differing(known, found);
    known = found;
    if (files.length > 0) yield { files, noticedMs };
  }
}

/** Stamps of all files; every folder on the way is watched from now on. What cannot be read is not there. */
async function look(paths: readonly string[], watchers: FolderWatchers): Promise<Stamps> {
  const stamps: Stamps = new Map();
  watchers.begin();
  for (const given of paths) {
    // For when it is replaced, or comes back.
    const parent = path.dirname(path.resolve(given));
    const above = await statOf(parent);
    if (above !== null) watchers.watch(parent, above.ino, path.basename(given));
    await lookAt(given, "", stamps, watchers);
  }
  watchers.end();
  return stamps;
}

async function lookAt(
  root: string,
  relative: string,
  stamps: Stamps,
  watchers: FolderWatchers,
): Promise<void> {
  const file = path.join(root, relative);
  const stats = await statOf(file);
  if (stats === null || stamps.size > MOST_FILES || relative.split("/").length > MOST_DEPTH) return;
  if (!stats.isDirectory()) {
    stamps.set(file, `${stats.ino} ${stats.mode} ${stats.size} ${stats.mtimeNs} ${stats.ctimeNs}`);
    return;
  }
  watchers.watch(file, stats.ino, null);
  const names = (await readdir(file).catch(() => [])).filter((name) => !isExcluded(name, relative));
  // As packages do: what compilers build changes, and is no part of them.
  if (relative !== "" && names.includes("CACHEDIR.TAG")) return;
  await Promise.all(names.map((name) => lookAt(root, path.join(relative, name), stamps, watchers)));
}

function statOf(file: string): Promise<BigIntStats | null> {
  return stat(file, { bigint: true }).catch(() => null);
}

function differing(before: Stamps, after: Stamps): readonly string[] {
  const names = new Set([...before.keys(), ...after.keys()]);
  return [...names].filter((name) => before.get(name) !== after.get(name)).toSorted();
}
