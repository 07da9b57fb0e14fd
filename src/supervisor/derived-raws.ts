import { createHash } from "node:crypto";

import type { RawDataMeta } from "../domain/meta.ts";
import type { DerivedRaw, Records } from "../domain/record.ts";

/** What one run may give as further raw files. */
export const DERIVED_RAW_BOUNDS = Object.freeze({
  number: 100,
  /** All of one run together. */
  bytes: 128 * 1024 * 1024,
  /** A raw file of a raw file of a raw file. */
  depth: 3,
});

const MARK = /^whiskers\/derived-(?<depth>\d{1,3})-[0-9a-f]{32}$/u;

/**
 * The mime type by which a derived raw file is known to be there: of one run's one file, at every try the same.
 * Bytes tells raw files of one boefje's run by the set of their mime types, and not even that when there are
 * several. It also says how many raw files deep it is.
 */
export function markOf(taskId: string, index: number, depth: number): string {
  const hash = createHash("sha256").update(`${taskId}\0${index}`).digest("hex").slice(0, 32);
  return `whiskers/derived-${depth}-${hash}`;
}

/** How many raw files deep a raw file is: 0 for a boefje's own. */
export function depthOf(mimeTypes: RawDataMeta["mime_types"]): number {
  const depths = mimeTypes.map(({ value }) => Number(MARK.exec(value)?.groups?.["depth"] ?? 0));
  return Math.max(0, ...depths);
}

/** Why a run's raw files may not be kept; null: they may. */
export function tooManyRaws(parent: RawDataMeta, { raws }: Records): string | null {
  const { number, bytes, depth } = DERIVED_RAW_BOUNDS;
  if (raws.length === 0) return null;
  if (raws.length > number) return `the run gave ${raws.length} raw files; ${number} are allowed`;
  const sum = raws.reduce((total, { content }) => total + content.byteLength, 0);
  if (sum > bytes) return `the run gave raw files of ${sum} bytes together; ${bytes} are allowed`;
  if (depthOf(parent.mime_types) >= depth) {
    return `the run gave raw files, and its own is already ${depth} raw files deep`;
  }
  const long = raws.flatMap(({ mime_types: types }: DerivedRaw) => types).find((type) => type.length > 64);
  return long === undefined ? null : `the run gave a raw file with a mime type longer than 64: ${long}`;
}
