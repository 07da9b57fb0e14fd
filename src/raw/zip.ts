import { open } from "node:fs/promises";
import path from "node:path";
import { buffer } from "node:stream/consumers";
import type { Readable } from "node:stream";
import { Transform } from "node:stream";
import { crc32 } from "node:zlib";

import type { Entry, ZipFile } from "yauzl";
import { openPromise } from "yauzl";

import { messageOf } from "../domain/unknown.ts";
import { WhiskersError } from "../errors.ts";
import { inputOf } from "./file.ts";
import { spool } from "./hash-file.ts";
import type { Input, Inputs } from "./input.ts";
import { MOST_META_BYTES, parseRawMeta } from "./raw-meta.ts";
import { isDownloadName, metaNameOf, rawNameIn } from "./raw-names.ts";

/** OpenKAT puts at most 100 raws into one download; ten times as many is no download. */
const MOST_RAWS = 1000;
const MOST_BYTES = 8 * 2 ** 30;
/** Deflate can do 1032:1, text rarely does 100:1. Small entries may, they do no harm. */
const MOST_RATIO = 250;
const RATIO_COUNTS_FROM_BYTES = 32 * 2 ** 20;
/** How many entries of an archive are looked at to see whether it is a download. */
const MOST_ENTRIES = 2 * MOST_RAWS;

/**
 * The raw files in the ZIP that OpenKAT lets people download: for each raw an entry `<uuid>` with its bytes
 * and an entry `raw_meta_<uuid>.json`, all at the root. They are unpacked
 * into files whose paths begin with `scratchPrefix`. Any other ZIP is
 * a raw file by itself, and so is what is no ZIP at all: null. The archive is hostile: see zip.test.ts.
 * @throws WhiskersError `input-unreadable`, naming the entry
 */
export async function zipInputs(
  file: string,
  scratchPrefix: string,
  signal?: AbortSignal,
): Promise<Inputs | null> {
  const firstName = await firstEntryName(file);
  if (firstName === null) return null;
  const claimsToBeDownload = isDownloadName(firstName);
  let zip: ZipFile;
  try {
    // Names stay bytes: they are compared, never used as paths.
    zip = await openPromise(file, { autoClose: false, decodeStrings: false });
  } catch (cause) {
    if (!claimsToBeDownload) return null;
    throw unreadable(file, null, `the archive is damaged: ${messageOf(cause)}`, cause);
  }
  try {
    const entries = await readEntries(zip, file, claimsToBeDownload);
    if (entries === null) return null;
    checkSizes(file, entries);
    const inputs: Input[] = [];
    for (const pair of pairUp(file, entries)) {
      signal?.throwIfAborted();
      inputs.push(await extractPair(zip, file, pair, `${scratchPrefix}${inputs.length}`, signal));
    }
    return { inputs, skipped: [] };
  } finally {
    zip.close();
  }
}

const LOCAL_HEADER = 0x04034b50;
const LOCAL_HEADER_BYTES = 30;

/** The name in the first local header; null when the file does not begin with one. */
async function firstEntryName(file: string): Promise<string | null> {
  await using handle = await open(file);
  const head = Buffer.alloc(LOCAL_HEADER_BYTES + 256);
  const { bytesRead } = await handle.read(head, 0, head.length, 0);
  if (bytesRead < LOCAL_HEADER_BYTES || head.readUInt32LE(0) !== LOCAL_HEADER) return null;
  return head.toString("latin1", LOCAL_HEADER_BYTES, LOCAL_HEADER_BYTES + head.readUInt16LE(26));
}

/** Every entry of a download by its name, or null when the archive is none. */
async function readEntries(
  zip: ZipFile,
  file: string,
  claimsToBeDownload: boolean,
): Promise<ReadonlyMap<string, Entry> | null> {
  const listed: { readonly name: string; readonly entry: Entry }[] = [];
  let isDownload = claimsToBeDownload;
  try {
    for await (const entry of zip.eachEntry()) {
      const name = entry.fileNameRaw.toString("latin1");
      isDownload ||= rawNameIn(path.posix.basename(name)) !== null;
      listed.push({ name, entry });
      if (listed.length > MOST_ENTRIES) break;
    }
  } catch (cause) {
    if (!isDownload) return null;
    throw unreadable(file, null, `the archive is damaged: ${messageOf(cause)}`, cause);
  }
  if (!isDownload) return null;
  if (listed.length > MOST_ENTRIES) throw unreadable(file, null, `more than ${MOST_ENTRIES} entries`);
  const entries = new Map<string, Entry>();
  for (const { name, entry } of listed) {
    if (!isDownloadName(name)) {
      throw unreadable(
        file,
        name,
        "not a name that OpenKAT's download has (<uuid> or raw_meta_<uuid>.json at the root)",
      );
    }
    if (entries.has(name.toLowerCase()))
      throw unreadable(file, name, "the archive has two entries of this name");
    entries.set(name.toLowerCase(), entry);
  }
  return entries;
}

function checkSizes(file: string, entries: ReadonlyMap<string, Entry>): void {
  let total = 0;
  for (const [name, entry] of entries) {
    const { compressedSize, uncompressedSize } = entry;
    if (entry.isEncrypted()) throw unreadable(file, name, "it is encrypted");
    if (entry.compressionMethod !== 0 && entry.compressionMethod !== 8) {
      throw unreadable(file, name, `it is packed by method ${entry.compressionMethod}, which is not Deflate`);
    }
    if (uncompressedSize > RATIO_COUNTS_FROM_BYTES && uncompressedSize > compressedSize * MOST_RATIO) {
      throw unreadable(
        file,
        name,
        `it would unpack to ${uncompressedSize} bytes from ${compressedSize}: a bomb`,
      );
    }
    total += uncompressedSize;
    if (total > MOST_BYTES)
      throw unreadable(file, name, `the archive unpacks to more than ${MOST_BYTES} bytes`);
  }
}

interface Pair {
  readonly name: string;
  readonly raw: Entry;
  readonly meta: Entry;
}

/** Raws with their metas, in the order of the archive. */
function pairUp(file: string, entries: ReadonlyMap<string, Entry>): readonly Pair[] {
  const pairs: Pair[] = [];
  for (const [name, entry] of entries) {
    const describes = rawNameIn(name);
    if (describes !== null) {
      if (!entries.has(describes))
        throw unreadable(file, name, `it describes ${describes}, which is not in the archive`);
      continue;
    }
    const meta = entries.get(metaNameOf(name));
    if (meta === undefined) throw unreadable(file, name, `${metaNameOf(name)} is not in the archive`);
    pairs.push({ name, raw: entry, meta });
  }
  return pairs;
}

async function extractPair(
  zip: ZipFile,
  file: string,
  pair: Pair,
  target: string,
  signal?: AbortSignal,
): Promise<Input> {
  const metaName = metaNameOf(pair.name);
  if (pair.meta.uncompressedSize > MOST_META_BYTES) {
    throw unreadable(file, metaName, `longer than ${MOST_META_BYTES} bytes`);
  }
  const text = await extract(zip, file, metaName, pair.meta, async (bytes) =>
    (await buffer(bytes)).toString("utf8"),
  );
  const rawMeta = parseRawMeta(text, `${file}: ${metaName}`);
  if (rawMeta.id.toLowerCase() !== pair.name) {
    throw unreadable(file, metaName, `it is the meta of ${rawMeta.id}`);
  }
  const hashed = await extract(zip, file, pair.name, pair.raw, (bytes) => spool(bytes, target, signal));
  return inputOf(target, `${file}:${pair.name}`, hashed, rawMeta);
}

/** Reads one entry through `use`; yauzl checks its size, we its CRC. */
async function extract<T>(
  zip: ZipFile,
  file: string,
  name: string,
  entry: Entry,
  use: (bytes: Readable) => Promise<T>,
): Promise<T> {
  let crc = 0;
  const checked = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      crc = crc32(chunk, crc);
      done(null, chunk);
    },
    flush(done) {
      done(crc === entry.crc32 ? null : new Error("its bytes do not fit its CRC"));
    },
  });
  try {
    const packed = await zip.openReadStreamPromise(entry);
    packed.once("error", (error) => checked.destroy(error));
    checked.once("close", () => packed.destroy());
    return await use(packed.pipe(checked));
  } catch (cause) {
    checked.destroy();
    throw unreadable(file, name, messageOf(cause), cause);
  }
}

function unreadable(file: string, entry: string | null, what: string, cause?: unknown): WhiskersError {
  const where = entry === null ? file : `${file}: entry ${JSON.stringify(entry)}`;
  return new WhiskersError("input-unreadable", `${where}: ${what}`, { cause });
}
