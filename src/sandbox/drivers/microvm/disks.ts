import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { chmod, rm } from "node:fs/promises";
import path from "node:path/posix";
import { promisify } from "node:util";

import type { Root } from "../../../domain/package.ts";
import { blockImage } from "../../../packages/block-image.ts";
import { digestTree } from "../../../packages/roots/digest-tree.ts";
import { makeFolder } from "../../view/make-folder.ts";
import type { Entry } from "../../view/view.ts";
import type { PlaceOf } from "./guest-scripts.ts";

/** The disks of a machine, and where on them the sources of its view are. */
export interface Disks {
  readonly files: readonly string[];
  readonly placeOf: PlaceOf;
}

/**
 * Two: the root filesystem of the package, which all packages with that root share, and what is the package's: its code,
 * what it depends on, the SDK. Each is made once for its content, and shared by all machines.
 * @throws WhiskersError `environment-missing` no mkfs.erofs; `root-failed`
 */
export async function makeDisks(entries: readonly Entry[], root: Root, stateDirectory: string): Promise<Disks> {
  const [rootFile, layer] = await Promise.all([
    imageOf(root, stateDirectory),
    makeLayer(entries, root, stateDirectory),
  ]);
  return {
    files: [rootFile, layer.file],
    placeOf: (source) => {
      if (isIn(source, root.folder)) return `/root-image${source.slice(root.folder.length)}`;
      return `/layer-image/${layer.sources.indexOf(source)}`;
    },
  };
}

function isIn(source: string, folder: string): boolean {
  return source === folder || source.startsWith(`${folder}/`);
}

/** A monitor of another user reads it. */
async function imageOf(root: Root, stateDirectory: string): Promise<string> {
  const file = await blockImage(root, "erofs", {
    home: path.join(stateDirectory, "microvm"),
    signal: new AbortController().signal,
  });
  await chmod(file, 0o444);
  return file;
}

interface Layer {
  readonly file: string;
  /** The n-th is in it as `n`. */
  readonly sources: readonly string[];
}

async function makeLayer(entries: readonly Entry[], root: Root, stateDirectory: string): Promise<Layer> {
  const sources = entries.flatMap((entry) =>
    entry.kind === "read-only" && !isIn(entry.source, root.folder) ? [entry.source] : [],
  );
  const draft = path.join(stateDirectory, "microvm", `.layer-${process.pid}-${randomUUID()}`);
  await makeFolder(draft);
  try {
    for (const [index, source] of sources.entries())
      await promisify(execFile)("cp", ["-a", "--reflink=auto", "--", source, path.join(draft, String(index))]);
    // Whatever the permissions outside: inside it is another user's.
    await promisify(execFile)("chmod", ["-R", "a+rX", "--", draft]);
    const digest = await digestTree(draft);
    const file = await imageOf({ name: "layer", digest, folder: draft }, stateDirectory);
    return { file, sources };
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}
