import type { RawDataMeta } from "../domain/meta.ts";
import { fileTroubleOf } from "../domain/unknown.ts";
import { WhiskersError } from "../errors.ts";
import { derivedId } from "./derived-id.ts";
import { type Hashed, hashFile } from "./hash-file.ts";
import type { Input } from "./input.ts";

/** A file on disk as a raw, with the meta that belongs to it, if there is one. */
export async function fileInput(
  path: string,
  name: string,
  rawMeta: RawDataMeta | null,
  signal?: AbortSignal,
): Promise<Input> {
  try {
    return inputOf(path, name, await hashFile(path, signal), rawMeta);
  } catch (cause) {
    signal?.throwIfAborted();
    throw new WhiskersError("input-unreadable", `${name}: ${fileTroubleOf(cause)}`, { cause });
  }
}

export function inputOf(path: string, name: string, hashed: Hashed, rawMeta: RawDataMeta | null): Input {
  return {
    name,
    rawMeta,
    raw: {
      id: rawMeta?.id ?? derivedId("raw", hashed.sha256),
      path,
      ...hashed,
      mimeTypes: rawMeta?.mime_types.map(({ value }) => value) ?? [],
    },
  };
}
