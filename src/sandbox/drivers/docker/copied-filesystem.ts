import { spawnSync } from "node:child_process";
import { statSync } from "node:fs";
import path from "node:path/posix";

import { INSIDE, readOnly } from "../../view/view.ts";
import type { Entry } from "../../view/view.ts";
import type { NamedLayer } from "./engine-images.ts";
import type { Host } from "./host.ts";
import { INIT } from "./init.ts";
import type { Filesystem } from "./open.ts";
import type { TarEntry } from "./tar.ts";
import { treeOf } from "./tree-of.ts";

/** Where a container's own files are put, in a volume: an engine puts none into a root that is read-only. */
export const FILES_FOLDER = "/whiskers/files";
/** Files that a run can have, which are looked for in /whiskers. */
const RUN_FILES = ["meta.json"];

/**
 * A view, for an engine that sees other files than we: all of it is in an image, in layers from what most share to what
 * one package has alone. Nothing of this machine is mounted.
 * @param passing it is used once
 */
export function copiedFilesystem(entries: readonly Entry[], host: Host, passing = false): Filesystem {
  const layers = LAYERS.map((layer) =>
    layerOf(
      layer.description,
      entries.filter((entry) => LAYERS.find(({ holds }) => holds(entry)) === layer),
    ),
  ).filter(({ isEmpty }) => !isEmpty);
  return {
    entries: [],
    provideImage: async (looked) => (await host.images.provide(layers, { looked, passing })).id,
  };
}

/** The first that holds an entry has it. */
const LAYERS: readonly { readonly description: string; readonly holds: (entry: Entry) => boolean }[] = [
  { description: "root", holds: ({ target }) => !target.startsWith("/whiskers/") },
  { description: "SDK, dependencies", holds: ({ target }) => target !== INSIDE.package },
  { description: "package", holds: () => true },
];

function layerOf(description: string, entries: readonly Entry[]): NamedLayer & { readonly isEmpty: boolean } {
  return {
    description,
    isEmpty: entries.length === 0,
    // What lies there never changes: sources are named by their content.
    name: JSON.stringify(entries.map((entry) => [entry.kind, entry.target, sourceOf(entry)])),
    entries: () => contentOf(entries),
  };
}

function sourceOf(entry: Entry): string {
  if (entry.kind === "read-only") return entry.source;
  return entry.kind === "link" ? entry.to : "";
}

async function* contentOf(entries: readonly Entry[]): AsyncGenerator<TarEntry> {
  const made = new Set<string>();
  for (const entry of [...entries, ...linksToFiles(entries)]) {
    // /dev is the engine's, and so are /proc and what is writable.
    if (entry.target.startsWith("/dev/") || (entry.kind !== "link" && entry.kind !== "read-only")) continue;
    const target = entry.target.slice(1);
    for (const folder of foldersAbove(target)) {
      if (!made.has(folder)) yield { kind: "folder", path: folder, mode: 0o755 };
      made.add(folder);
    }
    if (entry.kind === "link") yield { kind: "link", path: target, to: entry.to };
    else if (entry.isFile === true) yield fileOf(entry.source, target);
    else {
      made.add(target);
      yield* treeOf(entry.source, target, { keepTimes: true });
    }
  }
}

/** In the layer that has the init. */
function linksToFiles(entries: readonly Entry[]): readonly Entry[] {
  if (!entries.some(({ target }) => target === INIT)) return [];
  return RUN_FILES.map((name) => ({
    kind: "link",
    target: path.join(INSIDE.files, name),
    to: path.join(FILES_FOLDER, name),
  }));
}

/** Its mode stays what it is: the init is one that only root may read. */
function fileOf(source: string, target: string): TarEntry {
  const { size, mode } = statSync(source);
  return { kind: "copy", path: target, mode: mode & 0o755, source, sizeBytes: size };
}

function foldersAbove(target: string): readonly string[] {
  const parts = path.dirname(target).split("/");
  return parts[0] === "." ? [] : parts.map((_, index) => parts.slice(0, index + 1).join("/"));
}

/**
 * A program of this machine and the libraries that it needs, as files without links on the way. Of one that is linked
 * statically there are none.
 */
export function programWithLibraries(program: string, target: string): readonly Entry[] {
  const { stdout } = spawnSync("ldd", [program], { encoding: "utf8" });
  const libraries = [...stdout.matchAll(/(?:=> |^\s*)(?<file>\/\S+) \(0x/gmu)].map(
    ({ groups }) => groups?.["file"] ?? "",
  );
  return [readOnly(program, target), ...libraries.map((library) => readOnly(library, library))];
}
