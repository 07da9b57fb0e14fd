import { arch, platform as os } from "node:process";

import { isObject } from "../../domain/unknown.ts";
import { WhiskersError } from "../../errors.ts";
import type { Blobs } from "./blobs.ts";
import {
  type Descriptor,
  isDigest,
  isTexts,
  MEDIA_TYPES,
  parseDescriptor,
  type Platform,
} from "./descriptor.ts";
import { parseJsonText } from "./json-text.ts";

const MOST_CONFIG_BYTES = 8 * 2 ** 20;
/** What registries take at most. */
export const MOST_MANIFEST_BYTES = 4 * 2 ** 20;
/** Docker allows 127. */
const MOST_LAYERS = 256;
const MOST_MANIFESTS = 1000;

/** One image, or an artifact that is stored as one. */
export interface ImageManifest {
  readonly kind: "manifest";
  readonly mediaType: string;
  readonly artifactType: string | null;
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
  readonly subject: Descriptor | null;
  readonly annotations: Readonly<Record<string, string>>;
}

/** Images of the same for several platforms. */
export interface ImageIndex {
  readonly kind: "index";
  readonly mediaType: string;
  readonly manifests: readonly Descriptor[];
  readonly annotations: Readonly<Record<string, string>>;
}

/** What we use of an image's config. */
export interface ImageConfig {
  readonly platform: Platform | null;
  /** Digests of the layers before compression, the lowest first. */
  readonly diffIds: readonly string[];
  readonly environment: readonly string[];
  readonly entrypoint: readonly string[];
  readonly command: readonly string[];
  readonly workingFolder: string | null;
  readonly labels: Readonly<Record<string, string>>;
  readonly created: string | null;
}

/**
 * Reads the text of a manifest or an index, of OCI or of Docker.
 * @param shownAs as errors call it: a reference or digest
 * @throws WhiskersError `image-invalid`
 */
export function parseManifestText(text: Uint8Array, shownAs: string): ImageManifest | ImageIndex {
  const document = parseJsonText(text, shownAs);
  if (document["schemaVersion"] !== 2) {
    throw invalid(shownAs, "its schemaVersion is not 2: it is no manifest, or one of before 2016");
  }
  // Both would let two readers see two images: CVE-2021-41190.
  const isIndex = "manifests" in document;
  if (isIndex && ("layers" in document || "config" in document)) {
    throw invalid(shownAs, "it has both manifests and layers");
  }
  const mediaType = document["mediaType"] ?? (isIndex ? MEDIA_TYPES.index : MEDIA_TYPES.manifest);
  const annotations = document["annotations"] ?? {};
  if (!isTexts(annotations)) throw invalid(shownAs, "annotations are no texts");
  if (isIndex) {
    if (mediaType !== MEDIA_TYPES.index && mediaType !== MEDIA_TYPES.dockerIndex) {
      throw invalid(shownAs, `an index of type ${JSON.stringify(mediaType)}`);
    }
    const manifests = descriptors(document["manifests"], `${shownAs}: manifests`, MOST_MANIFESTS);
    return { kind: "index", mediaType, manifests, annotations };
  }
  if (mediaType !== MEDIA_TYPES.manifest && mediaType !== MEDIA_TYPES.dockerManifest) {
    throw invalid(shownAs, `a manifest of type ${JSON.stringify(mediaType)}`);
  }
  const { subject, artifactType } = document;
  return {
    kind: "manifest",
    mediaType,
    artifactType: typeof artifactType === "string" ? artifactType : null,
    config: descriptor(document["config"], `${shownAs}: config`),
    layers: descriptors(document["layers"], `${shownAs}: layers`, MOST_LAYERS),
    subject: subject === undefined || subject === null ? null : descriptor(subject, `${shownAs}: subject`),
    annotations,
  };
}

/**
 * A manifest or an index in the store.
 * @throws WhiskersError `image-missing`, `image-invalid`, `image-damaged`
 */
export async function readManifest(blobs: Blobs, digest: string): Promise<ImageManifest | ImageIndex> {
  return parseManifestText(await blobs.read(digest, MOST_MANIFEST_BYTES), digest);
}

/**
 * The manifest of one image: the one of this digest, or of the index of this digest the one for this machine.
 * @throws WhiskersError `image-missing`, `image-invalid`, `image-damaged`
 */
export async function readImage(
  blobs: Blobs,
  digest: string,
): Promise<{ readonly manifest: ImageManifest; readonly digest: string }> {
  const found = await readManifest(blobs, digest);
  if (found.kind === "manifest") return { manifest: found, digest };
  const chosen = choosePlatform(found, digest);
  const manifest = await readManifest(blobs, chosen.digest);
  if (manifest.kind === "index") throw invalid(digest, "an index of indexes");
  return { manifest, digest: chosen.digest };
}

/** The descriptor of a manifest or an index in the store. @throws as `readManifest` */
export async function describeManifest(blobs: Blobs, digest: string): Promise<Descriptor> {
  const text = await blobs.read(digest, MOST_MANIFEST_BYTES);
  return { mediaType: parseManifestText(text, digest).mediaType, digest, size: text.length };
}

/** @throws WhiskersError `image-missing`, `image-invalid`, `image-damaged` */
export async function readConfig(blobs: Blobs, manifest: ImageManifest): Promise<ImageConfig> {
  const { digest } = manifest.config;
  return parseConfigText(await blobs.read(digest, MOST_CONFIG_BYTES), digest);
}

/** The config of an image. @throws WhiskersError `image-invalid` */
export function parseConfigText(text: Uint8Array, shownAs: string): ImageConfig {
  const document = parseJsonText(text, shownAs);
  const { os: system, architecture, variant, rootfs, created } = document;
  const settings = isObject(document["config"]) ? document["config"] : {};
  const diffIds = isObject(rootfs) ? rootfs["diff_ids"] : [];
  if (!isList(diffIds) || !diffIds.every(isDigest)) throw invalid(shownAs, "rootfs.diff_ids are no digests");
  const labels = settings["Labels"];
  const workingFolder = settings["WorkingDir"];
  return {
    platform:
      typeof system === "string" && typeof architecture === "string"
        ? { os: system, architecture, ...(typeof variant === "string" && variant !== "" ? { variant } : {}) }
        : null,
    diffIds,
    environment: listOr(settings["Env"]),
    entrypoint: listOr(settings["Entrypoint"]),
    command: listOr(settings["Cmd"]),
    workingFolder: typeof workingFolder === "string" && workingFolder !== "" ? workingFolder : null,
    labels: isTexts(labels) ? labels : {},
    created: typeof created === "string" ? created : null,
  };
}

/**
 * The manifest for this machine: the one given, or one of the index.
 * @throws WhiskersError `image-invalid` when the index has none for it
 */
export function choosePlatform(
  index: ImageIndex,
  shownAs: string,
  wanted: Platform = thisPlatform(),
): Descriptor {
  const fits = index.manifests.filter(
    ({ platform }) =>
      platform !== undefined &&
      platform.os === wanted.os &&
      platform.architecture === wanted.architecture &&
      (wanted.variant === undefined || platform.variant === wanted.variant),
  );
  // An index of one image needs to say nothing of its platform.
  const [only, ...others] = index.manifests;
  const chosen = fits[0] ?? (others.length === 0 && only?.platform === undefined ? only : undefined);
  if (chosen === undefined) {
    const there = index.manifests.map(({ platform }) =>
      platform === undefined ? "unknown" : platformText(platform),
    );
    throw invalid(
      shownAs,
      `it has nothing for ${platformText(wanted)}, only ${there.join(", ") || "nothing"}`,
    );
  }
  return chosen;
}

export function platformText({ os: system, architecture, variant }: Platform): string {
  return [system, architecture, variant].filter((part) => part !== undefined).join("/");
}

/** As Go names it, which is how images do. */
export function thisPlatform(): Platform {
  const architectures: Readonly<Record<string, string>> = { x64: "amd64", ia32: "386", ppc64: "ppc64le" };
  return { os: os === "win32" ? "windows" : os, architecture: architectures[arch] ?? arch };
}

function descriptors(value: unknown, shownAs: string, most: number): readonly Descriptor[] {
  if (!Array.isArray(value)) throw invalid(shownAs, "no list");
  if (value.length > most) throw invalid(shownAs, `more than ${most}`);
  return value.map((each, index) => descriptor(each, `${shownAs}[${index}]`));
}

function descriptor(value: unknown, shownAs: string): Descriptor {
  const parsed = parseDescriptor(value);
  if (typeof parsed === "string") throw invalid(shownAs, parsed);
  return parsed;
}

function isList(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((each) => typeof each === "string");
}

function listOr(value: unknown): readonly string[] {
  return isList(value) ? value : [];
}

function invalid(shownAs: string, why: string): WhiskersError {
  return new WhiskersError("image-invalid", `${shownAs}: ${why}`);
}
