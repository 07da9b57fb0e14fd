import { isObject } from "../../domain/unknown.ts";

/** Names content by its digest: OCI image specification, "Content Descriptors". */
export interface Descriptor {
  readonly mediaType: string;
  /** `sha256:<lower-case hex>`. */
  readonly digest: string;
  /** Bytes. */
  readonly size: number;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly artifactType?: string;
  readonly platform?: Platform;
}

export interface Platform {
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string;
}

/** The media types of OCI and of Docker that images are made of. */
export const MEDIA_TYPES = {
  index: "application/vnd.oci.image.index.v1+json",
  manifest: "application/vnd.oci.image.manifest.v1+json",
  config: "application/vnd.oci.image.config.v1+json",
  layerTar: "application/vnd.oci.image.layer.v1.tar",
  layerGzip: "application/vnd.oci.image.layer.v1.tar+gzip",
  layerZstd: "application/vnd.oci.image.layer.v1.tar+zstd",
  empty: "application/vnd.oci.empty.v1+json",
  dockerIndex: "application/vnd.docker.distribution.manifest.list.v2+json",
  dockerManifest: "application/vnd.docker.distribution.manifest.v2+json",
  dockerConfig: "application/vnd.docker.container.image.v1+json",
  dockerLayer: "application/vnd.docker.image.rootfs.diff.tar.gzip",
  octets: "application/octet-stream",
} as const;

/** The only algorithm that registries and tools agree on; sha512 is in the specification and in no registry. */
const DIGEST = /^sha256:[0-9a-f]{64}$/u;

export function isDigest(text: string): boolean {
  return DIGEST.test(text);
}

/** The hex part of a digest that `isDigest` accepts. */
export function hexOf(digest: string): string {
  return digest.slice("sha256:".length);
}

/** A descriptor from JSON that nothing is known about; a text that says what is wrong when it is none. */
export function parseDescriptor(value: unknown): Descriptor | string {
  if (!isObject(value)) return "not an object";
  const { mediaType, digest, size, annotations, artifactType, platform } = value;
  if (typeof mediaType !== "string" || !/^[\w.+/-]{1,255}$/u.test(mediaType)) return "mediaType is none";
  if (typeof digest !== "string" || !isDigest(digest)) return "digest is no sha256 digest";
  if (typeof size !== "number" || !Number.isSafeInteger(size) || size < 0) return "size is no size";
  if (annotations !== undefined && !isTexts(annotations)) return "annotations are no texts";
  const parsed = parsePlatform(platform);
  return {
    mediaType,
    digest,
    size,
    ...(annotations === undefined ? {} : { annotations }),
    ...(typeof artifactType === "string" ? { artifactType } : {}),
    ...(parsed === null ? {} : { platform: parsed }),
  };
}

function parsePlatform(value: unknown): Platform | null {
  if (!isObject(value)) return null;
  const { os, architecture, variant } = value;
  if (typeof os !== "string" || typeof architecture !== "string") return null;
  return { os, architecture, ...(typeof variant === "string" ? { variant } : {}) };
}

/** An object of texts, as annotations and labels are. */
export function isTexts(value: unknown): value is Readonly<Record<string, string>> {
  return isObject(value) && Object.values(value).every((text) => typeof text === "string");
}
