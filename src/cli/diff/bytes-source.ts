import { rm } from "node:fs/promises";
import path from "node:path";

import type { RawDataMeta } from "../../domain/meta.ts";
import { WhiskersError } from "../../errors.ts";
import { retrying } from "../../http/retrying.ts";
import type { Bytes } from "../../raw/bytes.ts";
import type { Input } from "../../raw/input.ts";
import { parseRawMeta, UUID } from "../../raw/raw-meta.ts";
import { COMMAND_RETRY, listStoredRaws } from "../stored-raws/list-stored-raws.ts";
import type { RawSelection } from "../stored-raws/raw-selection.ts";
import type { RawSource } from "./raw-source.ts";

export interface BytesSourceOptions {
  readonly bytes: Bytes;
  /** For one raw file at a time. */
  readonly folder: string;
  readonly maxBytes: number;
  readonly signal: AbortSignal;
}

/**
 * Raw files by their ids in Bytes, in this order.
 * @throws WhiskersError `usage` no id; `input-unreadable` there is none of this id; `upstream-*`
 */
export async function rawsById(ids: readonly string[], options: BytesSourceOptions): Promise<RawSource> {
  const bad = ids.find((id) => !UUID.test(id));
  if (bad !== undefined) {
    throw new WhiskersError(
      "usage",
      `${JSON.stringify(bad)} is no id of a raw file in Bytes: expected a UUID`,
    );
  }
  const { bytes, signal } = options;
  const found = new Map<string, RawDataMeta>();
  for (const id of ids) {
    const [raw] = await retrying(COMMAND_RETRY, signal, () =>
      bytes.listRaws({ rawIds: [id], limit: 1 }, signal),
    );
    if (raw === undefined) throw new WhiskersError("input-unreadable", `there is no raw file ${id} in Bytes`);
    found.set(id, raw);
  }
  return download([...found.values()], options);
}

/** Raw files that were selected, as `whiskers backfill` selects them. @throws WhiskersError `input-unreadable` none; `upstream-*` */
export async function rawsSelected(
  consumes: readonly string[],
  selection: RawSelection,
  options: BytesSourceOptions,
): Promise<RawSource> {
  const raws = await listStoredRaws(options.bytes, consumes, selection, options.signal);
  if (raws.length === 0) {
    throw new WhiskersError("input-unreadable", `Bytes has no such raw file of type ${consumes.join(", ")}`);
  }
  return download(raws, options);
}

function download(raws: readonly RawDataMeta[], options: BytesSourceOptions): RawSource {
  return {
    count: raws.length,
    skipped: [],
    async *read() {
      for (const raw of raws) {
        const input = await fetchRaw(raw, options);
        yield input;
        await rm(input.raw.path, { force: true });
      }
    },
  };
}

async function fetchRaw(
  raw: RawDataMeta,
  { bytes, folder, maxBytes, signal }: BytesSourceOptions,
): Promise<Input> {
  // Checked, and without the boefje's settings.
  const rawMeta = parseRawMeta(JSON.stringify(raw), `the meta of raw file ${raw.id} in Bytes`);
  const file = path.join(folder, rawMeta.id);
  const hash = rawMeta.secure_hash ?? null;
  const secureHash = hash === null ? null : { value: hash, boefjeEndedAt: rawMeta.boefje_meta.ended_at };
  const order = { rawId: rawMeta.id, path: file, maxBytes, secureHash };
  const { sizeBytes, sha256 } = await retrying(COMMAND_RETRY, signal, () => bytes.download(order, signal));
  const mimeTypes = rawMeta.mime_types.map(({ value }) => value);
  return { name: rawMeta.id, rawMeta, raw: { id: rawMeta.id, path: file, sizeBytes, sha256, mimeTypes } };
}
