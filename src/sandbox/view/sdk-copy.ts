import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { chmod, copyFile, readdir, rename, rm, stat, writeFile } from "node:fs/promises";
import path from "node:path/posix";
import { promisify } from "node:util";

import { codeOf } from "../../domain/unknown.ts";
import { makeFolder } from "./make-folder.ts";
import type { Python } from "../interpreters.ts";
import { PYTHON_INSIDE, writeBundle } from "./sdk-bundle.ts";

/** Parts of the SDK that no guest needs. */
const LEFT_OUT = new Set(["__pycache__", "test", "node_modules", "go", "rust", "component"]);
const COMPILE_TIMEOUT_MS = 60_000;

/**
 * A copy of the SDK that every user can read, whatever the permissions of the checkout, and that compiled
 * code can be put in. It is named by the files' names, sizes and times.
 */
export async function copySdk(sdkFolder: string, stateDirectory: string, draftName: string): Promise<string> {
  const files = await listFiles(sdkFolder, "");
  const hash = createHash("sha256");
  for (const file of files) {
    const { size, mtimeMs } = await stat(path.join(sdkFolder, file));
    hash.update(`${file}\0${size}\0${mtimeMs}\0`);
  }
  const copy = path.join(stateDirectory, `sdk-${hash.digest("hex").slice(0, 16)}`);
  if (await exists(copy)) return copy;
  const draft = path.join(stateDirectory, `.sdk-${draftName}`);
  try {
    await makeFolder(draft);
    for (const file of files) {
      const target = path.join(draft, file);
      for (const folder of foldersOf(file)) await makeFolder(path.join(draft, folder));
      await copyFile(path.join(sdkFolder, file), target);
      await chmod(target, 0o644);
    }
    await putInPlace(draft, copy);
  } catch (error) {
    // The disk may be full, and this is tried again and again.
    await rm(draft, { recursive: true, force: true });
    throw error;
  }
  return copy;
}

/** Compiles the Python of the SDK's copy, which is ours, once per version of Python. It works without, more slowly. */
export async function compileSdk(copy: string, python: Python): Promise<void> {
  const done = path.join(copy, "python", `.compiled-${python.cacheTag}`);
  if (await exists(done)) return;
  const folder = path.join(copy, "python");
  try {
    const argv = ["-I", path.join(folder, "compile.py"), folder, PYTHON_INSIDE];
    await promisify(execFile)(python.executable, argv, { timeout: COMPILE_TIMEOUT_MS, env: {} });
    await writeBundle(folder, python.cacheTag);
    await writeFile(done, "");
  } catch {
    // The guest compiles what it imports by itself.
  }
}

/** Renames a folder that is complete to where it belongs, unless another process was first with the same. */
export async function putInPlace(draft: string, target: string): Promise<void> {
  try {
    await rename(draft, target);
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    if (codeOf(error) !== "ENOTEMPTY" && codeOf(error) !== "EEXIST") throw error;
  }
}

async function listFiles(root: string, folder: string): Promise<readonly string[]> {
  const found: string[] = [];
  const entries = await readdir(path.join(root, folder), { withFileTypes: true });
  for (const entry of entries.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    if (LEFT_OUT.has(entry.name)) continue;
    const file = path.join(folder, entry.name);
    if (entry.isDirectory()) found.push(...(await listFiles(root, file)));
    else if (entry.isFile()) found.push(file);
  }
  return found;
}

function foldersOf(file: string): readonly string[] {
  const parts = path.dirname(file).split("/");
  return parts.map((_, index) => parts.slice(0, index + 1).join("/"));
}

async function exists(file: string): Promise<boolean> {
  try {
    await stat(file);
    return true;
  } catch {
    return false;
  }
}
