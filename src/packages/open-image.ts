import { createHash } from "node:crypto";
import { lstat, realpath } from "node:fs/promises";
import path from "node:path";

import type { Package } from "../domain/package.ts";
import { WhiskersError } from "../errors.ts";
import { BASE_ANNOTATION, NO_BASE } from "./build/annotations.ts";
import type { ImageStore } from "./images/image-store.ts";
import { readConfig, readImage } from "./images/manifest.ts";
import { isWasmArtifact } from "./images/wasm-artifact.ts";
import { listFolder } from "./list-folder.ts";
import { openWasmArtifact } from "./open-wasm-artifact.ts";
import { checkOpenKat, checkProgram, readManifest } from "./open-package.ts";

/** An image in the store. */
export interface FoundImage {
  readonly store: ImageStore;
  /** As people call it. */
  readonly name: string;
  /** Of its manifest, or of an index that has one for this machine. */
  readonly digest: string;
}

/** Where a package lies in its image, and what it depends on. */
const PACKAGE = "whiskers/package";
const DEPENDENCIES = "whiskers/dependencies";

/**
 * Makes the package in an image ready to be run: unpacked once, shared by all. Its digest is that of the image's
 * manifest, and its root filesystem is the image, unless that was built without a base.
 * An artifact of WebAssembly has no root filesystem, and its folder lies where those of packages do.
 * @throws WhiskersError `package-unreadable`, `manifest-invalid`; as `ImageStore.root`
 */
export async function openImage({ store, name, digest: named }: FoundImage, home: string): Promise<Package> {
  const { manifest: image, digest } = await readImage(store, named);
  if (isWasmArtifact(image)) return openWasmArtifact(image, { store, home, name, digest });
  const { labels } = await readConfig(store, image);
  const tree = await store.root(digest, { name });
  const folder = path.join(tree.folder, PACKAGE);
  if (!(await isPlainFolder(folder))) {
    throw new WhiskersError("package-unreadable", `${name}: no normalizer's image: it has no /${PACKAGE}`);
  }
  // What an image may hold and a package may not: links that lead out, devices. Nothing is read before that.
  await listFolder(folder);
  const manifest = await readManifest(folder, name);
  await checkProgram(manifest.guest, folder, name);
  await checkOpenKat(manifest.guest, folder, name);
  const dependencies = path.join(tree.folder, DEPENDENCIES);
  const hasDependencies = await isPlainFolder(dependencies);
  if (manifest.dependencies !== null && !hasDependencies) {
    throw new WhiskersError(
      "package-unreadable",
      `${name}: its manifest has dependencies, the image has none`,
    );
  }
  return {
    manifest,
    digest,
    folder,
    dependencies: hasDependencies ? { digest: derived(digest, DEPENDENCIES), folder: dependencies } : null,
    root: labels[BASE_ANNOTATION] === NO_BASE ? null : { name, digest, folder: tree.folder },
  };
}

/** Neither it nor anything on the way to it, within the image, is a link. */
async function isPlainFolder(folder: string): Promise<boolean> {
  try {
    return (await lstat(folder)).isDirectory() && (await realpath(folder)) === (await expected(folder));
  } catch {
    return false;
  }
}

/** Of an image that may have been unpacked below a link of ours. */
async function expected(folder: string): Promise<string> {
  const [above, inside] = [
    path.dirname(path.dirname(folder)),
    path.relative(path.dirname(path.dirname(folder)), folder),
  ];
  return path.join(await realpath(above), inside);
}

/** What an image says of the digest of a part of it is not trusted: caches are named by it. */
function derived(digest: string, part: string): string {
  return `sha256:${createHash("sha256").update(`${digest} ${part}`).digest("hex")}`;
}
