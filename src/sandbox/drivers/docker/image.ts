import { createHash, randomUUID } from "node:crypto";
import { createWriteStream } from "node:fs";
import { mkdir, rm, stat } from "node:fs/promises";
import path from "node:path/posix";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";

import { isObject } from "../../../domain/unknown.ts";
import { EngineError } from "./engine.ts";
import type { Engine } from "./engine.ts";
import { LABEL } from "./owner.ts";
import { tarOf } from "./tar.ts";
import type { TarEntry } from "./tar.ts";

/** Of an image of ours, as `docker images` shows it. Nothing runs by name: names can be moved. */
const REPOSITORY = "whiskers-sandbox";
/** An engine that is busy unpacks slowly. */
const LOAD_TIMEOUT_MS = 300_000;
/** As image configurations name architectures. */
const ARCHITECTURES: Readonly<Record<string, string>> = { x64: "amd64", arm64: "arm64" };

/** What an image is made from: equal parts make an image with the same digest, on every machine. */
export interface ImageParts {
  /** For people: what is in it. */
  readonly description: string;
  /** From the lowest up. */
  readonly layers: readonly LayerParts[];
}

export interface LayerParts {
  entries(): AsyncIterable<TarEntry> | Iterable<TarEntry>;
  /** What it is, when the engine has an image that begins with it and those below: it is not sent then. */
  readonly known?: SentLayer | undefined;
}

export interface SentLayer {
  /** Its digest, `sha256:<hex>`. */
  readonly diffId: string;
  readonly sizeBytes: number;
}

export interface MadeImage {
  /** Its digest as the engine names it, `sha256:<hex>`. */
  readonly id: string;
  /** Its name, by which it is removed. */
  readonly tag: string;
  /** From the lowest up. */
  readonly layers: readonly SentLayer[];
}

export interface ProvideOptions {
  /** What an earlier call returned: no file is read when the engine still has it. */
  readonly known: MadeImage | null;
  /** Called before the engine gets it. */
  readonly onMade?: (image: MadeImage) => Promise<void>;
}

/** Makes an image in the engine, unless it is there. @throws EngineError */
export async function provideImage(
  engine: Engine,
  parts: ImageParts,
  folders: { readonly stateDirectory: string; readonly draftName: string },
  { known, onMade }: ProvideOptions,
): Promise<MadeImage> {
  if (known !== null && (await hasImage(engine, known.id))) return known;
  const draft = path.join(folders.stateDirectory, folders.draftName);
  await mkdir(draft, { recursive: true });
  try {
    const layers = await Promise.all(
      parts.layers.map(async (one) => knownLayer(one) ?? (await writeLayer(one, draft))),
    );
    const image = imageOf(parts, layers);
    const there = await findImage(engine, image, layers);
    if (there !== null) return { ...madeOf(image, layers), id: there };
    await onMade?.(madeOf(image, layers));
    try {
      await load(engine, image, layers);
    } catch (error) {
      if (!isRefusal(error) || layers.every(({ file }) => file !== null)) throw error;
      await loadAgain(engine, image, layers, () =>
        Promise.all(parts.layers.map((one) => writeLayer(one, draft))),
      );
    }
    return { ...madeOf(image, layers), id: await idOf(engine, image.tag, layers) };
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

interface Layer extends SentLayer {
  /** The archive; null: the engine is to have it. */
  readonly file: string | null;
}

interface Image {
  readonly id: string;
  readonly tag: string;
  readonly config: Buffer;
}

function madeOf({ id, tag }: Image, layers: readonly Layer[]): MadeImage {
  return { id, tag, layers: layers.map(({ diffId, sizeBytes }) => ({ diffId, sizeBytes })) };
}

function knownLayer({ known }: LayerParts): Layer | null {
  return known === undefined ? null : { ...known, file: null };
}

/** On disk: its digest has to be known before the archive that it is in begins. */
async function writeLayer(parts: LayerParts, draft: string): Promise<Layer> {
  const file = path.join(draft, randomUUID());
  const hash = createHash("sha256");
  const hashed = async function* (): AsyncGenerator<Buffer> {
    for await (const chunk of tarOf(parts.entries())) {
      hash.update(chunk);
      yield chunk;
    }
  };
  await pipeline(hashed, createWriteStream(file));
  return { file, sizeBytes: (await stat(file)).size, diffId: `sha256:${hash.digest("hex")}` };
}

/** An image configuration, OCI image-spec, config.md. */
function imageOf({ description }: ImageParts, layers: readonly Layer[]): Image {
  const config = Buffer.from(
    JSON.stringify({
      created: "1970-01-01T00:00:00Z",
      architecture: ARCHITECTURES[process.arch] ?? process.arch,
      os: "linux",
      config: { Labels: { [LABEL.image]: description } },
      rootfs: { type: "layers", diff_ids: layers.map(({ diffId }) => diffId) },
      history: layers.map(() => ({ created: "1970-01-01T00:00:00Z" })),
    }),
  );
  const digest = createHash("sha256").update(config).digest("hex");
  return { id: `sha256:${digest}`, tag: `${REPOSITORY}:${digest.slice(0, 16)}`, config };
}

/** It wants to see layers that it has, or has them no more. */
async function loadAgain(
  engine: Engine,
  image: Image,
  layers: readonly Layer[],
  all: () => Promise<readonly Layer[]>,
): Promise<void> {
  try {
    await load(engine, image, layers, ociLayout(image, layers));
  } catch (error) {
    if (!isRefusal(error)) throw error;
    await load(engine, image, await all());
  }
}

function isRefusal(error: unknown): boolean {
  return error instanceof EngineError && error.status !== null;
}

async function load(
  engine: Engine,
  image: Image,
  layers: readonly Layer[],
  entries = archive(image, layers),
): Promise<void> {
  const tar = Readable.from(tarOf(entries));
  await engine.ask("POST", "/images/load", { query: { quiet: "1" }, tar, timeoutMs: LOAD_TIMEOUT_MS });
}

/** As `docker save` writes it: every engine reads that. */
function archive({ id, tag, config }: Image, layers: readonly Layer[]): readonly TarEntry[] {
  const configName = `${hexOf(id)}.json`;
  const nameOf = ({ diffId }: Layer): string => `${hexOf(diffId)}.tar`;
  const manifest = [{ Config: configName, RepoTags: [tag], Layers: layers.map(nameOf) }];
  return [
    jsonFile("manifest.json", manifest),
    { kind: "file", path: configName, mode: 0o644, content: config },
    ...layers.flatMap((layer) => layerFile(layer, nameOf(layer))),
  ];
}

/** OCI image-spec, image-layout.md: what is missing in it containerd looks for in what it has. */
function ociLayout({ id, tag, config }: Image, layers: readonly Layer[]): readonly TarEntry[] {
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: OCI_MANIFEST,
      config: { mediaType: `${OCI}.config.v1+json`, digest: id, size: config.length },
      layers: layers.map(({ diffId, sizeBytes }) => ({
        mediaType: `${OCI}.layer.v1.tar`,
        digest: diffId,
        size: sizeBytes,
      })),
    }),
  );
  const digest = `sha256:${createHash("sha256").update(manifest).digest("hex")}`;
  const annotations = { "io.containerd.image.name": `docker.io/library/${tag}` };
  const described = { mediaType: OCI_MANIFEST, digest, size: manifest.length, annotations };
  const blob = (name: string): string => `blobs/sha256/${hexOf(name)}`;
  return [
    jsonFile("oci-layout", { imageLayoutVersion: "1.0.0" }),
    jsonFile("index.json", { schemaVersion: 2, manifests: [described] }),
    { kind: "file", path: blob(digest), mode: 0o644, content: manifest },
    { kind: "file", path: blob(id), mode: 0o644, content: config },
    ...layers.flatMap((layer) => layerFile(layer, blob(layer.diffId))),
  ];
}

const OCI = "application/vnd.oci.image";
const OCI_MANIFEST = `${OCI}.manifest.v1+json`;

function hexOf(digest: string): string {
  return digest.replace("sha256:", "");
}

function jsonFile(file: string, content: unknown): TarEntry {
  return { kind: "file", path: file, mode: 0o644, content: Buffer.from(JSON.stringify(content)) };
}

function layerFile({ file, sizeBytes }: Layer, name: string): readonly TarEntry[] {
  return file === null ? [] : [{ kind: "copy", path: name, mode: 0o644, source: file, sizeBytes }];
}

/** @throws EngineError */
export async function hasImage(engine: Engine, id: string): Promise<boolean> {
  try {
    await engine.ask("GET", `/images/${id}/json`);
    return true;
  } catch (error) {
    if (error instanceof EngineError && error.status === 404) return false;
    throw error;
  }
}

/** Its digest as the engine names it; null: it is not there, or under its name there is another. @throws EngineError */
async function findImage(
  engine: Engine,
  { id, tag }: Image,
  layers: readonly Layer[],
): Promise<string | null> {
  if (await hasImage(engine, id)) return id;
  if (!(await hasImage(engine, tag))) return null;
  return idOf(engine, tag, layers).catch(() => null);
}

/** Engines that keep images otherwise than Docker always did name them by another digest: it is asked for once. */
async function idOf(engine: Engine, tag: string, layers: readonly Layer[]): Promise<string> {
  const image = await engine.ask("GET", `/images/${tag}/json`);
  const { Id: id, RootFS: rootFs } = isObject(image) ? image : {};
  const found = isObject(rootFs) && Array.isArray(rootFs["Layers"]) ? rootFs["Layers"] : [];
  if (typeof id !== "string" || found.join(" ") !== layers.map(({ diffId }) => diffId).join(" ")) {
    throw new EngineError(null, `the engine has another image under the name ${tag}`);
  }
  return id.startsWith("sha256:") ? id : `sha256:${id}`;
}
