import { createHash, randomBytes } from "node:crypto";
import { createWriteStream } from "node:fs";
import { mkdir, realpath, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";

import type { Package } from "../domain/package.ts";
import { WhiskersError } from "../errors.ts";
import { MANIFEST_LABEL } from "./build/annotations.ts";
import { type DigestEntry, packageDigest } from "./digest.ts";
import { type Descriptor, hexOf } from "./images/descriptor.ts";
import type { ImageStore } from "./images/image-store.ts";
import type { ImageManifest } from "./images/manifest.ts";
import { wasmModuleOf } from "./images/wasm-artifact.ts";
import { parseManifest } from "./manifest.ts";
import { findStored, storeFolder } from "./store-folder.ts";

const MOST_MANIFEST_BYTES = 256 * 1024;

interface Found {
  readonly store: ImageStore;
  readonly home: string;
  readonly name: string;
  /** Of its manifest. */
  readonly digest: string;
}

/**
 * Makes the package in a WebAssembly artifact ready to be run: its module and its normalizer.json, as a folder that is
 * kept like that of any package. Its digest is that of the artifact.
 * @throws WhiskersError `package-unreadable`, `manifest-invalid`; as `wasmModuleOf`
 */
export async function openWasmArtifact(artifact: ImageManifest, found: Found): Promise<Package> {
  const { store, home, name, digest } = found;
  const text = artifact.annotations[MANIFEST_LABEL];
  if (text === undefined || Buffer.byteLength(text) > MOST_MANIFEST_BYTES) {
    throw new WhiskersError(
      "package-unreadable",
      `${name}: no normalizer's artifact: its annotation ${MANIFEST_LABEL} is missing, or too long`,
    );
  }
  const manifest = parseManifest(text, path.join(name, "normalizer.json"));
  const { guest } = manifest;
  if (guest.kind !== "wasm" || manifest.dependencies !== null) {
    throw new WhiskersError(
      "package-unreadable",
      `${name}: its normalizer.json is not that of a module alone`,
    );
  }
  const module = await wasmModuleOf(store, artifact, name);
  const wanted = packageDigest(listing(text, guest.file, module));
  const stored =
    (await findStored(home, "packages", wanted)) ??
    (await writeFolder(found, { text, file: guest.file, module }));
  return { manifest, digest, folder: stored.folder, dependencies: null, root: null };
}

/** What the folder will hold: known before anything is read, so that it is written once. */
function listing(text: string, file: string, module: Descriptor): readonly DigestEntry[] {
  const sha256 = createHash("sha256").update(text).digest("hex");
  const entry = { kind: "file", executable: false } as const;
  const entries: readonly DigestEntry[] = [
    { ...entry, path: "normalizer.json", sizeBytes: Buffer.byteLength(text), sha256 },
    { ...entry, path: file, sizeBytes: module.size, sha256: hexOf(module.digest) },
  ];
  return entries.toSorted((a, b) => Buffer.compare(Buffer.from(a.path), Buffer.from(b.path)));
}

interface Content {
  readonly text: string;
  readonly file: string;
  readonly module: Descriptor;
}

async function writeFolder(
  { store, home }: Found,
  { text, file, module }: Content,
): Promise<{ readonly folder: string }> {
  const draft = path.join(home, "packages", `.draft-wasm-${process.pid}-${randomBytes(6).toString("hex")}`);
  try {
    await mkdir(path.dirname(path.join(draft, file)), { recursive: true });
    await writeFile(path.join(draft, "normalizer.json"), text);
    // Its digest is checked while it streams.
    await pipeline(
      Readable.from(store.open(module.digest)),
      createWriteStream(path.join(draft, file), { mode: 0o644 }),
    );
    return await storeFolder(await realpath(draft), home);
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}
