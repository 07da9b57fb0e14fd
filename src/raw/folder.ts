import type { Dirent } from "node:fs";
import { readdir, readFile, stat } from "node:fs/promises";
import path from "node:path";

import { fileTroubleOf } from "../domain/unknown.ts";
import { WhiskersError } from "../errors.ts";
import { fileInput } from "./file.ts";
import type { Input, Inputs } from "./input.ts";
import { MOST_META_BYTES, parseRawMeta } from "./raw-meta.ts";
import { metaNameOf, rawNameIn } from "./raw-names.ts";

const MOST_RAWS = 10_000;

/**
 * Every regular file of a folder is a raw, in the order of their names; `raw_meta_<name>.json` beside
 * `<name>` is its meta, as in OpenKAT's download. Folders, hidden files and what is no file are skipped.
 * @throws WhiskersError `input-unreadable`
 */
export async function folderInputs(folder: string, signal?: AbortSignal): Promise<Inputs> {
  const entries = await entriesOf(folder);
  const names = new Set(entries.map(({ name }) => name));
  const inputs: Input[] = [];
  const skipped: { name: string; reason: string }[] = [];
  for (const entry of entries) {
    const name = path.join(folder, entry.name);
    const reason = await reasonToSkip(entry, name);
    if (reason !== null) {
      skipped.push({ name, reason });
      continue;
    }
    const describes = rawNameIn(entry.name);
    if (describes === null) {
      const meta = metaNameOf(entry.name);
      const rawMeta = names.has(meta) ? await readRawMeta(path.join(folder, meta), entry.name) : null;
      inputs.push(await fileInput(name, name, rawMeta, signal));
    } else if (!names.has(describes)) {
      throw new WhiskersError("input-unreadable", `${name} describes ${describes}, which is not there`);
    }
    if (inputs.length > MOST_RAWS) {
      throw new WhiskersError("input-unreadable", `${folder} holds more than ${MOST_RAWS} raw files`);
    }
  }
  return { inputs, skipped };
}

async function entriesOf(folder: string): Promise<readonly Dirent[]> {
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    return entries.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  } catch (cause) {
    throw new WhiskersError("input-unreadable", `${folder}: ${fileTroubleOf(cause)}`, { cause });
  }
}

async function reasonToSkip(entry: Dirent, name: string): Promise<string | null> {
  if (entry.name.startsWith(".")) return "hidden";
  if (entry.isDirectory()) return "a folder";
  if (entry.isFile()) return null;
  // A link to a file is as good as the file.
  const isFile =
    entry.isSymbolicLink() &&
    (await stat(name).then(
      (stats) => stats.isFile(),
      () => false,
    ));
  return isFile ? null : "no regular file";
}

async function readRawMeta(file: string, rawName: string): Promise<ReturnType<typeof parseRawMeta>> {
  let text: string;
  try {
    if ((await stat(file)).size > MOST_META_BYTES) throw new Error(`longer than ${MOST_META_BYTES} bytes`);
    text = await readFile(file, "utf8");
  } catch (cause) {
    throw new WhiskersError("input-unreadable", `${file}: ${fileTroubleOf(cause)}`, { cause });
  }
  const meta = parseRawMeta(text, file);
  if (meta.id !== rawName) {
    throw new WhiskersError("input-unreadable", `${file} is the meta of ${meta.id}, not of ${rawName}`);
  }
  return meta;
}
