import { randomUUID } from "node:crypto";
import { readFile, readdir, rename, writeFile } from "node:fs/promises";
import path from "node:path/posix";

import { INSIDE } from "./view.ts";

/** Where every guest sees the Python part of the SDK. */
export const PYTHON_INSIDE = `${INSIDE.sdk}/python`;

/** Of a .pyc file, before its code: magic number, flags, hash of the source (PEP 552). */
const HEADER_BYTES = 16;

/**
 * Puts the compiled modules of the SDK's Python package into one file, which its start.py reads instead of looking for
 * each: the place it is for, on a line; names and sizes in bytes, on a line; then their code.
 * @param folder `python` of the SDK, compiled as it is seen at `place`
 */
export async function writeBundle(folder: string, cacheTag: string, place = PYTHON_INSIDE): Promise<void> {
  const compiled = path.join(folder, "whiskers/__pycache__");
  const suffix = `.${cacheTag}.pyc`;
  const modules: { readonly name: string; readonly code: Buffer }[] = [];
  for (const file of (await readdir(compiled).catch((): string[] => [])).toSorted()) {
    if (!file.endsWith(suffix)) continue;
    const module = file.slice(0, -suffix.length);
    modules.push({
      name: module === "__init__" ? "whiskers" : `whiskers.${module}`,
      code: (await readFile(path.join(compiled, file))).subarray(HEADER_BYTES),
    });
  }
  if (modules.length === 0) return;
  const index = modules.map(({ name, code }) => `${name} ${code.length}`).join(",");
  const target = path.join(folder, `bundle.${cacheTag}`);
  const draft = `${target}.${randomUUID()}`;
  const head = Buffer.from(`${place}\n${index}\n`);
  await writeFile(draft, Buffer.concat([head, ...modules.map(({ code }) => code)]), { mode: 0o644 });
  await rename(draft, target);
}
