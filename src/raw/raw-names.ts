import { UUID } from "./raw-meta.ts";

/**
 * Names in OpenKAT's download of raw files: `<raw uuid>`, the bytes, and `raw_meta_<raw uuid>.json`, what
 * Bytes says of them.
 */
export function metaNameOf(rawName: string): string {
  return `raw_meta_${rawName}.json`;
}

/** The raw's name in a meta file's name, or null when it is not a meta file's. */
export function rawNameIn(name: string): string | null {
  return /^raw_meta_(?<raw>.+)\.json$/u.exec(name)?.groups?.["raw"] ?? null;
}

export function isDownloadName(name: string): boolean {
  return UUID.test(rawNameIn(name) ?? name);
}
