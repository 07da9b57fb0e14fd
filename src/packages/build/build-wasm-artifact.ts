import { createReadStream } from "node:fs";
import { open, readFile } from "node:fs/promises";
import path from "node:path";

import type { Package } from "../../domain/package.ts";
import { WhiskersError } from "../../errors.ts";
import { MEDIA_TYPES } from "../images/descriptor.ts";
import type { ImageStore } from "../images/image-store.ts";
import { WASM_ARTIFACT } from "../images/wasm-artifact.ts";
import { listFolder } from "../list-folder.ts";
import { annotationsOf, MANIFEST_LABEL } from "./annotations.ts";
import { type Built, putJson } from "./build-image.ts";

/** There is no time in it that would make two builds differ. */
const NO_TIME = "1970-01-01T00:00:00Z";

export interface BuiltArtifact extends Built {
  /** Files of the package that are not in it. */
  readonly leftOut: readonly string[];
}

/**
 * Makes an artifact of a package whose code is one WebAssembly module, in the layout that registries and runtimes for
 * WebAssembly know: the module as it is. normalizer.json is an annotation, since the layout has no other place for it.
 * The same module and manifest give the same digest. Whoever calls holds the store.
 * @throws WhiskersError `package-unreadable`
 */
export async function buildWasmArtifact(pkg: Package, store: ImageStore): Promise<BuiltArtifact> {
  const { guest } = pkg.manifest;
  if (guest.kind !== "wasm") throw new Error("no package of WebAssembly");
  const file = path.join(pkg.folder, guest.file);
  const os = await targetOf(file, guest.file);
  const module = await store.put(createReadStream(file), { mediaType: WASM_ARTIFACT.module });
  const text = await readFile(path.join(pkg.folder, "normalizer.json"), "utf8");
  const config = {
    created: NO_TIME,
    architecture: WASM_ARTIFACT.architecture,
    os,
    layerDigests: [module.digest],
  };
  const base = { name: null, digest: null };
  const manifest = {
    schemaVersion: 2,
    mediaType: MEDIA_TYPES.manifest,
    config: await putJson(store, config, WASM_ARTIFACT.config),
    layers: [module],
    annotations: { ...annotationsOf(pkg, text, base), [MANIFEST_LABEL]: text },
  };
  const descriptor = await putJson(store, manifest, MEDIA_TYPES.manifest);
  const leftOut = (await listFolder(pkg.folder))
    .map((entry) => entry.path)
    .filter((name) => name !== guest.file && name !== "normalizer.json");
  return {
    descriptor,
    layers: [{ what: "code", layer: { descriptor: module, diffId: module.digest } }],
    base,
    leftOut,
  };
}

/** Magic number, version and layer. */
const MODULE = Buffer.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]);
const COMPONENT = Buffer.from([0, 0x61, 0x73, 0x6d, 13, 0, 1, 0]);

/** What it is for: modules are of WASI preview 1, components of 0.2. */
async function targetOf(file: string, name: string): Promise<string> {
  const head = Buffer.alloc(MODULE.length);
  await using handle = await open(file);
  await handle.read(head, 0, head.length, 0);
  if (head.equals(MODULE)) return WASM_ARTIFACT.os.module;
  if (head.equals(COMPONENT)) return WASM_ARTIFACT.os.component;
  throw new WhiskersError("package-unreadable", `${name}: neither a WebAssembly module nor a component`);
}
