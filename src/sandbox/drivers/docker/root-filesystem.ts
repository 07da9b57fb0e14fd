import { readFile } from "node:fs/promises";

import type { Package, Root } from "../../../domain/package.ts";
import { INSIDE } from "../../view/view.ts";
import type { Host } from "./host.ts";
import { INIT } from "./init.ts";
import type { Filesystem } from "./open.ts";
import { rememberedImage } from "./remembered-image.ts";
import type { TarEntry } from "./tar.ts";
import { treeOf } from "./tree-of.ts";
import { findShell } from "./view-filesystem.ts";

/**
 * A package that has a root filesystem of its own, as an image: the root, and over it the package, the SDK and what
 * the package depends on: for an engine that does not share this machine's files.
 * @throws WhiskersError `environment-missing` the root has no shell
 */
export async function rootFilesystem(pkg: Package, root: Root, host: Host): Promise<Filesystem> {
  const shell = await readFile(findShell(root.folder));
  const layers = [
    { key: root.digest, entries: () => treeOf(root.folder, "") },
    { key: null, entries: () => guestLayer(pkg, shell, host) },
  ];
  const description = `${pkg.manifest.id} ${pkg.digest} on ${root.name}`;
  return { entries: [], provideImage: rememberedImage({ description, layers }, host) };
}

async function* guestLayer(
  pkg: Package,
  shell: Buffer,
  { sdkFolder, initMode }: Host,
): AsyncGenerator<TarEntry> {
  // Where the engine mounts, whatever the root has there: it may be a link.
  for (const name of ["dev", "proc", "sys", "tmp", "whiskers"])
    yield { kind: "folder", path: name, mode: 0o755 };
  yield { kind: "file", path: INIT.slice(1), mode: initMode, content: shell };
  const trees = [
    [pkg.folder, INSIDE.package],
    [sdkFolder, INSIDE.sdk],
    ...(pkg.dependencies === null ? [] : [[pkg.dependencies.folder, INSIDE.dependencies] as const]),
  ] as const;
  for (const [folder, target] of trees) yield* treeOf(folder, target.slice(1));
}
