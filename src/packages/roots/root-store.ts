import { readFile, readdir, rm, stat } from "node:fs/promises";
import path from "node:path";

import type { Root } from "../../domain/package.ts";
import { isObject } from "../../domain/unknown.ts";

/** A base root of this machine. */
export interface StoredRoot extends Root {
  /** Of the recipe that it was made by: another one means that the recipe has changed since. */
  readonly recipe: string;
  /** Names of the Debian packages, with versions, that it is made of. */
  readonly packages: readonly string[];
  /** ISO 8601. */
  readonly madeAt: string;
}

/** `<home>/roots/<name>.json` says which of the trees in `<home>/roots/trees` is the root of that name. */
export function rootsFolder(home: string): string {
  return path.join(home, "roots");
}

/** `:` is in names of roots, and awkward in paths. */
export function rootFile(home: string, name: string): string {
  return path.join(rootsFolder(home), `${name.replace(":", "-")}.json`);
}

export function treeFolder(home: string, digest: string): string {
  return path.join(rootsFolder(home), "trees", digest.slice("sha256:".length));
}

/** The base root of that name, if it was made here: `whiskers root make`. */
export async function findRoot(home: string, name: string): Promise<StoredRoot | null> {
  const stored = await readStored(rootFile(home, name));
  if (stored === null || stored.name !== name) return null;
  const folder = treeFolder(home, stored.digest);
  return (await isFolder(folder)) ? { ...stored, folder } : null;
}

export async function listRoots(home: string): Promise<readonly StoredRoot[]> {
  const names = await readdir(rootsFolder(home)).catch(() => []);
  const stored = await Promise.all(
    names
      .filter((name) => name.endsWith(".json"))
      .toSorted()
      .map(async (name) => readStored(path.join(rootsFolder(home), name))),
  );
  const found = await Promise.all(stored.flatMap((one) => (one === null ? [] : [findRoot(home, one.name)])));
  return found.filter((one) => one !== null);
}

/** Forgets it, and removes its tree when no other name has it. @returns whether it was there */
export async function removeRoot(home: string, name: string): Promise<boolean> {
  const root = await findRoot(home, name);
  if (root === null) return false;
  await rm(rootFile(home, name), { force: true });
  const others = await listRoots(home);
  if (!others.some(({ digest }) => digest === root.digest))
    await rm(root.folder, { recursive: true, force: true });
  return true;
}

async function readStored(file: string): Promise<Omit<StoredRoot, "folder"> | null> {
  let json: unknown;
  try {
    json = JSON.parse(await readFile(file, "utf8"));
  } catch {
    return null; // Not there, or damaged: it can be made anew.
  }
  if (!isObject(json)) return null;
  const { name, digest, recipe, packages, madeAt } = json;
  if (typeof name !== "string" || typeof digest !== "string" || !/^sha256:[0-9a-f]{64}$/u.test(digest))
    return null;
  return {
    name,
    digest,
    recipe: String(recipe),
    packages: Array.isArray(packages) ? packages.map(String) : [],
    madeAt: String(madeAt),
  };
}

async function isFolder(folder: string): Promise<boolean> {
  return stat(folder).then(
    (stats) => stats.isDirectory(),
    () => false,
  );
}
