import { lstat, readFile, readdir, readlink } from "node:fs/promises";
import path from "node:path/posix";

import type { Package, Root } from "../../../domain/package.ts";
import { WhiskersError } from "../../../errors.ts";
import { INSIDE } from "../subprocess/view.ts";
import type { Host } from "./host.ts";
import { initEntries } from "./init.ts";
import type { Filesystem } from "./open.ts";
import { rememberedImage } from "./remembered-image.ts";
import type { TarEntry } from "./tar.ts";

/**
 * A package that has a root filesystem of its own, as an image: the root, and over it the package, the SDK and what
 * the package depends on. Nothing of this machine is mounted, so it works with an engine that is elsewhere, too.
 * @throws WhiskersError `environment-missing` the root has no shell
 */
export async function rootFilesystem(pkg: Package, root: Root, host: Host): Promise<Filesystem> {
  const shell = await findShell(root);
  const layers = [
    { key: root.digest, entries: () => treeOf(root.folder, "") },
    { key: null, entries: () => guestLayer(pkg, shell, host) },
  ];
  const description = `${pkg.manifest.id} ${pkg.digest} on ${root.name}`;
  return { entries: [], provideImage: rememberedImage({ description, layers }, host) };
}

async function* guestLayer(pkg: Package, shell: Buffer, { sdkFolder }: Host): AsyncGenerator<TarEntry> {
  // Where the engine mounts, whatever the root has there: it may be a link.
  for (const name of ["dev", "proc", "sys", "tmp", "whiskers"])
    yield { kind: "folder", path: name, mode: 0o755 };
  yield* initEntries(shell);
  const trees = [
    [pkg.folder, INSIDE.package],
    [sdkFolder, INSIDE.sdk],
    ...(pkg.dependencies === null ? [] : [[pkg.dependencies.folder, INSIDE.dependencies] as const]),
  ] as const;
  for (const [folder, target] of trees) yield* treeOf(folder, target.slice(1));
}

/**
 * A folder and all that is in it, in the order of names; of modes only what decides who may run it. Set-uid bits,
 * attributes and owners are left out, and so is what is neither file nor folder nor link.
 */
async function* treeOf(folder: string, target: string): AsyncGenerator<TarEntry> {
  if (target !== "") yield { kind: "folder", path: target, mode: 0o755 };
  for (const name of (await readdir(folder)).toSorted()) {
    const source = path.join(folder, name);
    const inside = path.join(target, name);
    const stats = await lstat(source);
    if (stats.isDirectory()) yield* treeOf(source, inside);
    else if (stats.isSymbolicLink()) yield { kind: "link", path: inside, to: await readlink(source) };
    else if (stats.isFile()) {
      const mode = (stats.mode & 0o100) === 0 ? 0o644 : 0o755;
      yield { kind: "copy", path: inside, mode, source, sizeBytes: stats.size };
    }
  }
}

const SHELL = "/bin/sh";
/** As many links as the kernel follows, path_resolution(7). */
const LINKS_MAX = 40;

/** By the links of the root, and never out of it: it may be hostile. */
async function findShell(root: Root): Promise<Buffer> {
  let rest = SHELL.split("/");
  let at = "/";
  for (let links = 0; rest.length > 0 && links < LINKS_MAX;) {
    const [name = "", ...others] = rest;
    const next = path.join(at, name);
    const stats = await lstat(path.join(root.folder, next)).catch(() => null);
    if (stats?.isSymbolicLink() === true) {
      links += 1;
      const to = await readlink(path.join(root.folder, next));
      rest = [...to.split("/"), ...others];
      if (to.startsWith("/")) at = "/";
    } else if (stats?.isFile() === true && others.length === 0) return readFile(path.join(root.folder, next));
    else {
      at = next;
      rest = others;
    }
  }
  throw new WhiskersError(
    "environment-missing",
    `the root ${root.name} has no shell: looked for ${SHELL} in it`,
  );
}
