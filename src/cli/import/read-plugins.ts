import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";

import type { Package } from "../../domain/package.ts";
import { isObject, messageOf } from "../../domain/unknown.ts";
import { WhiskersError } from "../../errors.ts";
import { findPackageFolders, isPackage } from "../../packages/find-package-folders.ts";
import { listFolder } from "../../packages/list-folder.ts";
import { parseManifest } from "../../packages/manifest.ts";
import { readEntry } from "../../packages/read-entry.ts";
import { hashFile } from "../../raw/hash-file.ts";
import { inputOf } from "../../raw/file.ts";
import { normalizerMeta } from "../../raw/normalizer-meta.ts";
import type { Stages } from "../../run-task.ts";
import type { RecordSink } from "../../sandbox/record-sink.ts";
import type { RunOptions } from "../../sandbox/sandboxes.ts";

/** Something that a normalizer imports and that is neither its own, nor OpenKAT's, nor Python's. */
export interface Need {
  readonly kind: "library" | "module" | "name";
  readonly name: string;
  /** Path in the tree, and line, of the first import. */
  readonly file: string;
  readonly line: number;
  readonly why: string;
  /** It is installed here, or the code goes on without it. */
  readonly there: boolean;
  readonly optional: boolean;
}

/** One normalizer of a tree of plugins. */
export interface Plugin {
  /** Path in the tree; empty: the tree is this plugin. */
  readonly folder: string;
  readonly id: string | null;
  /** `native`: written for Whiskers, not read further. */
  readonly kind: "openkat" | "native";
  readonly needs: readonly Need[];
  /** Files of other plugins that it imports, paths in the tree. */
  readonly copies: readonly string[];
  readonly problems: readonly { readonly file: string; readonly line: number; readonly what: string }[];
}

export interface Tree {
  /** Absolute, without links in it. */
  readonly root: string;
  readonly plugins: readonly Plugin[];
}

const READER = path.join(import.meta.dirname, "reader");
/** Python of a whole tree: OpenKAT's own has 0.7 MB. */
const MOST_SOURCE_BYTES = 32 * 2 ** 20;

/**
 * Every normalizer below `root`, and what it imports. The tree may be hostile: its Python is parsed in a sandbox, each
 * plugin for itself, and none of it is run.
 * @throws WhiskersError `package-unreadable`, `input-unreadable` there is none; as `Sandboxes.run`
 */
export async function readPlugins(
  root: string,
  stages: Pick<Stages, "catalogue" | "sandboxes">,
  options: RunOptions,
  signal: AbortSignal,
): Promise<Tree> {
  const sources = await readSources(root);
  const folders = (await isPackage(root)) ? [root] : await findPackageFolders(root);
  if (folders.length === 0) {
    throw new WhiskersError("input-unreadable", `${root}: no normalizer.json in it or below`);
  }
  const reader = await stages.catalogue.open(READER);
  const scratch = await mkdtemp(path.join(tmpdir(), "whiskers-import-"));
  const read: Reading = { root, sources, reader, scratch, stages, options, signal };
  try {
    const plugins: Plugin[] = [];
    for (const folder of folders) plugins.push(await readPlugin(path.relative(root, folder), read));
    return { root, plugins };
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

interface Reading {
  readonly root: string;
  readonly sources: Readonly<Record<string, string>>;
  readonly reader: Package;
  readonly scratch: string;
  readonly stages: Pick<Stages, "catalogue" | "sandboxes">;
  readonly options: RunOptions;
  readonly signal: AbortSignal;
}

/** Python files by path, base64: which encoding they have is for Python to say. */
async function readSources(root: string): Promise<Readonly<Record<string, string>>> {
  const sources: Record<string, string> = {};
  let bytes = 0;
  for (const entry of await listFolder(root)) {
    if (entry.kind !== "file" || !entry.path.endsWith(".py")) continue;
    bytes += entry.sizeBytes;
    if (bytes > MOST_SOURCE_BYTES) {
      throw new WhiskersError(
        "package-unreadable",
        `${root}: more than ${MOST_SOURCE_BYTES} bytes of Python`,
      );
    }
    const chunks: Buffer[] = [];
    await readEntry(root, entry, (chunk) => {
      chunks.push(Buffer.from(chunk));
      return Promise.resolve();
    });
    sources[entry.path] = Buffer.concat(chunks).toString("base64");
  }
  return sources;
}

async function readPlugin(folder: string, reading: Reading): Promise<Plugin> {
  const file = path.posix.join(folder, "normalizer.json");
  const nothing = { folder, kind: "openkat", needs: [], copies: [], problems: [] } as const;
  let manifest;
  try {
    manifest = parseManifest(await readFile(path.join(reading.root, file), "utf8"), file);
  } catch (error) {
    return { ...nothing, id: null, problems: [{ file, line: 1, what: messageOf(error) }] };
  }
  const { id, guest } = manifest;
  if (guest.kind !== "python" || guest.convention !== "openkat") return { ...nothing, id, kind: "native" };
  const found = await readInSandbox(folder, reading);
  return typeof found === "string"
    ? { ...nothing, id, problems: [{ file: path.posix.join(folder, "normalize.py"), line: 1, what: found }] }
    : { ...nothing, id, ...found };
}

/** What the reader found; or, as a sentence, why it found nothing. */
async function readInSandbox(
  folder: string,
  { sources, reader, scratch, stages, options, signal }: Reading,
): Promise<Pick<Plugin, "needs" | "copies" | "problems"> | string> {
  const file = path.join(scratch, "request.json");
  await writeFile(file, JSON.stringify({ folder, modules: sources }));
  const input = inputOf(file, "request.json", await hashFile(file), null);
  const chunks: Buffer[] = [];
  const sink: RecordSink = {
    push: (lines) => void chunks.push(lines),
    pushPlain: () => {},
    endPlain: () => 0,
  };
  const request = { meta: normalizerMeta(input, reader.manifest), raws: [input.raw] };
  const { outcome } = await stages.sandboxes.run(reader, options, request, sink, signal);
  if (outcome.status === "failed") return `it cannot be read: ${outcome.message}`;
  return parseFound(Buffer.concat(chunks).toString("utf8")) ?? "it cannot be read";
}

/** The sandbox has read hostile files: what it says is checked as if they said it. */
function parseFound(text: string): Pick<Plugin, "needs" | "copies" | "problems"> | null {
  const found: unknown = JSON.parse(text);
  if (!isObject(found)) return null;
  const { needs, copies, problems } = found;
  if (!Array.isArray(needs) || !needs.every(isNeed)) return null;
  if (!Array.isArray(copies) || !copies.every((one) => typeof one === "string")) return null;
  if (!Array.isArray(problems) || !problems.every(isProblem)) return null;
  return { needs, copies, problems };
}

function isNeed(value: unknown): value is Need {
  return (
    isObject(value) &&
    ["library", "module", "name"].includes(String(value["kind"])) &&
    ["name", "file", "why"].every((key) => typeof value[key] === "string") &&
    ["there", "optional"].every((key) => typeof value[key] === "boolean") &&
    Number.isSafeInteger(value["line"])
  );
}

function isProblem(value: unknown): value is Plugin["problems"][number] {
  return (
    isObject(value) &&
    ["file", "what"].every((key) => typeof value[key] === "string") &&
    Number.isSafeInteger(value["line"])
  );
}
