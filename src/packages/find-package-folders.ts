import { access, readdir } from "node:fs/promises";
import path from "node:path";

/** How deep packages may lie: OpenKAT's plugins are one or two folders below theirs. */
const MOST_DEPTH = 4;

/**
 * Every folder below `root` with a normalizer.json in it, sorted; hidden folders and `node_modules` are not looked in,
 * nor are links followed. A package may hold others, as OpenKAT's plugins do.
 * @throws Error a folder cannot be read
 */
export async function findPackageFolders(root: string): Promise<readonly string[]> {
  return find(root, 0);
}

async function find(folder: string, depth: number): Promise<readonly string[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  const folders = entries
    .filter((entry) => entry.isDirectory() && !entry.name.startsWith(".") && entry.name !== "node_modules")
    .map(({ name }) => path.join(folder, name))
    .toSorted();
  const found: string[] = [];
  for (const inside of folders) {
    if (await isPackage(inside)) found.push(inside);
    if (depth + 1 < MOST_DEPTH) found.push(...(await find(inside, depth + 1)));
  }
  return found;
}

/** Whether a folder has a normalizer.json. */
export function isPackage(folder: string): Promise<boolean> {
  return access(path.join(folder, "normalizer.json")).then(
    () => true,
    () => false,
  );
}
