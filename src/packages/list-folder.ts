import type { BigIntStats } from "node:fs";
import { lstat, readdir, readlink, realpath } from "node:fs/promises";
import path from "node:path";

import { fileTroubleOf } from "../domain/unknown.ts";
import { WhiskersError } from "../errors.ts";

/** What a package may hold: plain files, and symbolic links that stay inside. */
export type FolderEntry =
  | {
      readonly kind: "file";
      /** Relative, `/` as separator. */
      readonly path: string;
      readonly executable: boolean;
      readonly sizeBytes: number;
      /** Changes when the file is touched in any way; compared, never read. */
      readonly stamp: string;
    }
  | { readonly kind: "link"; readonly path: string; readonly target: string; readonly stamp: string };

const MOST_ENTRIES = 100_000;
const MOST_BYTES = 2 * 2 ** 30;
const MOST_DEPTH = 64;
/** Longest path that every file system we unpack on can hold with a prefix of ours. */
const LONGEST_PATH = 2048;

/** Left out of packages: what tools and editors leave behind. docs/manifest.md lists them too. */
const EXCLUDED_NAMES: ReadonlySet<string> = new Set([
  ".git",
  ".hg",
  ".svn",
  ".venv",
  "__pycache__",
  ".mypy_cache",
  ".pytest_cache",
  ".ruff_cache",
  ".DS_Store",
]);

/**
 * Lists a package's folder: every file and link below it, without what is excluded, sorted by the
 * bytes of their paths. Nothing is followed and no file is opened.
 * @param folder absolute, without links in it
 * @throws WhiskersError `package-unreadable`, naming the file
 */
export async function listFolder(folder: string): Promise<readonly FolderEntry[]> {
  const entries: FolderEntry[] = [];
  let bytes = 0;
  for await (const found of walk(folder, "", 0)) {
    entries.push(found);
    if (entries.length > MOST_ENTRIES) throw unreadable(folder, "", `more than ${MOST_ENTRIES} files`);
    bytes += found.kind === "file" ? found.sizeBytes : 0;
    if (bytes > MOST_BYTES) throw unreadable(folder, "", `more than ${MOST_BYTES} bytes`);
  }
  return entries
    .map((entry) => ({ entry, key: Buffer.from(entry.path) }))
    .sort((a, b) => Buffer.compare(a.key, b.key))
    .map(({ entry }) => entry);
}

async function* walk(folder: string, below: string, depth: number): AsyncGenerator<FolderEntry> {
  if (depth > MOST_DEPTH) throw unreadable(folder, below, `deeper than ${MOST_DEPTH} folders`);
  const names = (await namesIn(folder, below)).filter((name) => !isExcluded(name, below));
  // Caches and what compilers build: the Cache Directory Tagging Specification, which cargo and others follow.
  if (below !== "" && names.includes("CACHEDIR.TAG")) return;
  if (names.length > MOST_ENTRIES) throw unreadable(folder, below, `more than ${MOST_ENTRIES} files`);
  const found = names.map((name) => (below === "" ? name : `${below}/${name}`));
  // All at once: one after another costs a turn of the event loop each.
  const stats = await Promise.all(found.map((relative) => lstatOf(folder, relative)));
  for (const [index, relative] of found.entries()) {
    const its = stats[index];
    if (its?.isDirectory()) yield* walk(folder, relative, depth + 1);
    else if (its?.isSymbolicLink()) yield await linkEntry(folder, relative, its);
    else if (its?.isFile()) yield fileEntry(relative, its);
    else throw unreadable(folder, relative, "neither a file nor a folder nor a link");
  }
}

async function namesIn(folder: string, below: string): Promise<readonly string[]> {
  let names: readonly Buffer[];
  try {
    names = await readdir(path.join(folder, below), { encoding: "buffer" });
  } catch (cause) {
    throw unreadable(folder, below, fileTroubleOf(cause), cause);
  }
  return names.map((raw) => {
    const name = raw.toString("utf8");
    // Also what is not UTF-8: it does not come back the same.
    if (CONTROL.test(name) || !Buffer.from(name).equals(raw)) {
      throw unreadable(
        folder,
        `${below}/${name}`,
        "control characters or bytes that are not UTF-8 in its name",
      );
    }
    return name;
  });
}

const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/u;

/** Whether packages leave it out. @param below folder that it is in, relative to the package */
export function isExcluded(name: string, below: string): boolean {
  if (EXCLUDED_NAMES.has(name) || name.endsWith(".pyc")) return true;
  // Cases of `whiskers test`: what code does is not changed by what is expected of it.
  if (name === "tests" && below === "") return true;
  return name === ".cache" && (below === "node_modules" || below.endsWith("/node_modules"));
}

async function lstatOf(folder: string, relative: string): Promise<BigIntStats> {
  if (Buffer.byteLength(relative) > LONGEST_PATH) {
    throw unreadable(folder, relative, `a path longer than ${LONGEST_PATH} bytes`);
  }
  try {
    return await lstat(path.join(folder, relative), { bigint: true });
  } catch (cause) {
    throw unreadable(folder, relative, fileTroubleOf(cause), cause);
  }
}

function fileEntry(relative: string, stats: BigIntStats): FolderEntry {
  return {
    kind: "file",
    path: relative,
    executable: (stats.mode & 0o100n) !== 0n,
    sizeBytes: Number(stats.size),
    stamp: stampOf(stats),
  };
}

async function linkEntry(folder: string, relative: string, stats: BigIntStats): Promise<FolderEntry> {
  const target = await readlink(path.join(folder, relative));
  if (path.isAbsolute(target)) throw unreadable(folder, relative, `a link to the absolute path ${target}`);
  if (CONTROL.test(target))
    throw unreadable(folder, relative, "a link with control characters in its target");
  let real: string;
  try {
    real = path.relative(folder, await realpath(path.join(folder, relative)));
  } catch (cause) {
    throw unreadable(folder, relative, `a link to ${target}, which is not there`, cause);
  }
  if (real === ".." || real.startsWith("../")) {
    throw unreadable(folder, relative, `a link to ${target}, which is outside`);
  }
  const parts = real.split("/");
  if (parts.some((name, index) => isExcluded(name, parts.slice(0, index).join("/")))) {
    throw unreadable(folder, relative, `a link to ${target}, which packages leave out`);
  }
  return { kind: "link", path: relative, target, stamp: stampOf(stats) };
}

function stampOf(stats: BigIntStats): string {
  return `${stats.ino} ${stats.mode} ${stats.size} ${stats.mtimeNs} ${stats.ctimeNs}`;
}

export function unreadable(folder: string, relative: string, what: string, cause?: unknown): WhiskersError {
  const where = relative === "" ? folder : path.join(folder, relative);
  return new WhiskersError("package-unreadable", `${where}: ${what}`, { cause });
}
