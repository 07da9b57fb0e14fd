import { createHash } from "node:crypto";

import type { RawDataMeta } from "../domain/meta.ts";
import { formatBytes } from "../domain/quantity.ts";
import type { DerivedRaw, Records } from "../domain/record.ts";

/** What one run may give as further raw files. */
export interface DerivedRawBounds {
  readonly number: number;
  /** All of one run together. */
  readonly bytes: number;
  /** A raw file of a raw file of a raw file is 3 deep; 0: none may be given. */
  readonly depth: number;
}

/** Length of the column in Bytes. */
const LONGEST_TYPE = 64;
const MARK = /^whiskers\/derived-(?<depth>\d{1,3})-[0-9a-f]{32}$/u;

/**
 * The mime types by which one run's derived raw files are known to be there, at every try and every retry the same
 * for the same content. Bytes tells raw files of one boefje's run by the set of their mime types, and not even that
 * when there are several. A mark also says how many raw files deep its file is.
 */
export function marksOf(taskId: string, depth: number, raws: readonly DerivedRaw[]): readonly string[] {
  const seen = new Map<string, number>();
  return raws.map(({ mime_types: types, content }) => {
    const what = createHash("sha256")
      .update(`${types.join("\0")}\0\0`)
      .update(content)
      .digest("hex");
    // A run may give two files that are equal.
    const nth = seen.get(what) ?? 0;
    seen.set(what, nth + 1);
    const hash = createHash("sha256").update(`${taskId}\0${what}\0${nth}`).digest("hex").slice(0, 32);
    return `whiskers/derived-${depth}-${hash}`;
  });
}

/** How many raw files deep a raw file is: 0 for a boefje's own. */
export function depthOf(mimeTypes: RawDataMeta["mime_types"]): number {
  const depths = mimeTypes.map(({ value }) => Number(MARK.exec(value)?.groups?.["depth"] ?? 0));
  return Math.max(0, ...depths);
}

/** Why a run's raw files may not be kept, and which setting says so; null: they may. */
export function tooManyRaws(
  parent: RawDataMeta,
  { raws }: Records,
  { number, bytes, depth }: DerivedRawBounds,
): string | null {
  if (raws.length === 0) return null;
  if (raws.length > number) {
    return `the run gave ${raws.length} raw files; ${number} are allowed (WHISKERS_DERIVED_MAX_FILES)`;
  }
  const sum = raws.reduce((total, { content }) => total + content.byteLength, 0);
  if (sum > bytes) {
    return `the run gave raw files of ${sum} bytes together; ${formatBytes(bytes)} are allowed (WHISKERS_DERIVED_MAX_SIZE)`;
  }
  const deep = depthOf(parent.mime_types);
  if (deep >= depth) {
    const own = deep === 0 ? "" : `, and its own is already ${deep} deep`;
    return `the run gave raw files${own}; ${depth} deep is allowed (WHISKERS_DERIVED_MAX_DEPTH)`;
  }
  const types = raws.flatMap(({ mime_types: given }) => given);
  const long = types.find((type) => type.length > LONGEST_TYPE);
  if (long !== undefined)
    return `the run gave a raw file with a mime type longer than ${LONGEST_TYPE}: ${long}`;
  const reserved = types.find((type) => type.startsWith("whiskers/"));
  return reserved === undefined
    ? null
    : `the run gave a raw file of type ${reserved}: those are Whiskers' own`;
}
