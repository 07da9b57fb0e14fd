import { mkdir, symlink, writeFile } from "node:fs/promises";
import path from "node:path";
import { crc32 } from "node:zlib";

import type { Entry, ZipFile } from "yauzl";
import { openPromise, validateFileName } from "yauzl";

import { messageOf } from "../domain/unknown.ts";
import { WhiskersError } from "../errors.ts";

/** As of a package's folder, see list-folder.ts. */
const MOST_ENTRIES = 100_000;
const MOST_BYTES = 2 * 2 ** 30;
/** Deflate can do 1032:1, code rarely does 20:1. Small entries may, they do no harm. */
const MOST_RATIO = 250;
const RATIO_COUNTS_FROM_BYTES = 32 * 2 ** 20;
const LONGEST_LINK_BYTES = 4096;

/** Unix, in the upper half of an entry's "version made by"; then the upper half of its attributes is a mode. */
const MADE_ON_UNIX = 3;
const KIND = 0o170000;
const KIND_FILE = 0o100000;
const KIND_FOLDER = 0o040000;
const KIND_LINK = 0o120000;

/**
 * Unpacks the ZIP of a package (also one that begins with something else, as a Python zipapp does) into a folder. What
 * may be in it is what may be in a package's folder; the links are made last, so that nothing is written through them.
 * The archive is hostile: names, sizes, checksums and kinds are checked, and nothing is ever written twice.
 * @param folder absolute; empty
 * @param shownAs the archive, as errors call it
 * @returns the folder of the package in it: with normalizer.json at the top, or in the only folder at the top
 * @throws WhiskersError `package-unreadable`, naming the entry
 */
export async function unpackZip(file: string, folder: string, shownAs: string): Promise<string> {
  let zip: ZipFile;
  try {
    zip = await openPromise(file, { autoClose: false, decodeStrings: true, strictFileNames: true });
  } catch (cause) {
    throw bad(shownAs, null, `the archive is damaged: ${messageOf(cause)}`, cause);
  }
  try {
    const entries = await readEntries(zip, shownAs);
    checkSizes(entries, shownAs);
    const links: { readonly place: string; readonly target: string }[] = [];
    for (const { entry, name, kind } of entries) {
      const place = path.join(folder, name);
      await mkdir(kind === "folder" ? place : path.dirname(place), { recursive: true });
      if (kind === "folder") continue;
      const content = contentOf(zip, entry, shownAs);
      if (kind === "link") links.push({ place, target: (await wholeOf(content)).toString("utf8") });
      else await writeFile(place, content, { flag: "wx", mode: isExecutable(entry) ? 0o755 : 0o644 });
    }
    for (const { place, target } of links) await symlink(target, place);
    return path.join(
      folder,
      topOf(
        entries.map(({ name }) => name),
        shownAs,
      ),
    );
  } catch (cause) {
    if (cause instanceof WhiskersError) throw cause;
    throw bad(shownAs, null, messageOf(cause), cause);
  } finally {
    zip.close();
  }
}

interface Named {
  readonly entry: Entry;
  /** Without a slash at its end. */
  readonly name: string;
  readonly kind: "file" | "folder" | "link";
}

async function readEntries(zip: ZipFile, shownAs: string): Promise<readonly Named[]> {
  if (zip.entryCount > MOST_ENTRIES) throw bad(shownAs, null, `more than ${MOST_ENTRIES} entries`);
  const byName = new Map<string, Named>();
  for await (const entry of zip.eachEntry()) {
    const wrong = validateFileName(entry.fileName);
    if (wrong !== null) throw bad(shownAs, entry.fileName, wrong);
    if (entry.isEncrypted()) throw bad(shownAs, entry.fileName, "it is encrypted");
    const name = entry.fileName.replace(/\/+$/u, "");
    if (name !== path.posix.normalize(name) || name === "" || name === ".") {
      throw bad(shownAs, entry.fileName, "a name that is written in a strange way");
    }
    const named = { entry, name, kind: kindOf(entry, shownAs) };
    // Readers disagree on which of two counts.
    if (byName.has(name)) throw bad(shownAs, name, "it is there twice");
    byName.set(name, named);
    if (byName.size > MOST_ENTRIES) throw bad(shownAs, null, `more than ${MOST_ENTRIES} entries`);
  }
  for (const name of byName.keys()) {
    for (let at = path.posix.dirname(name); at !== "."; at = path.posix.dirname(at)) {
      const parent = byName.get(at);
      if (parent !== undefined && parent.kind !== "folder") {
        throw bad(shownAs, name, `it lies in ${at}, which is no folder`);
      }
    }
  }
  return [...byName.values()];
}

function kindOf(entry: Entry, shownAs: string): Named["kind"] {
  const mode = modeOf(entry);
  const kind = mode & KIND;
  if (entry.fileName.endsWith("/")) {
    if (kind === 0 || kind === KIND_FOLDER) return "folder";
  } else if (kind === 0 || kind === KIND_FILE) return "file";
  else if (kind === KIND_LINK) return "link";
  throw bad(shownAs, entry.fileName, "neither a file nor a folder nor a link");
}

function modeOf(entry: Entry): number {
  return entry.versionMadeBy >>> 8 === MADE_ON_UNIX ? entry.externalFileAttributes >>> 16 : 0;
}

function isExecutable(entry: Entry): boolean {
  return (modeOf(entry) & 0o100) !== 0;
}

function checkSizes(entries: readonly Named[], shownAs: string): void {
  let bytes = 0;
  for (const { entry, name, kind } of entries) {
    const { uncompressedSize: size, compressedSize: packed } = entry;
    bytes += size;
    if (bytes > MOST_BYTES) throw bad(shownAs, name, `more than ${MOST_BYTES} bytes in all`);
    if (size > RATIO_COUNTS_FROM_BYTES && size > packed * MOST_RATIO) {
      throw bad(shownAs, name, `it becomes more than ${MOST_RATIO} times as large`);
    }
    if (kind === "link" && size > LONGEST_LINK_BYTES) throw bad(shownAs, name, "a link that is too long");
  }
}

/** Opened when it is read: what nobody reads would fail with nobody to notice. */
async function* contentOf(zip: ZipFile, entry: Entry, shownAs: string): AsyncGenerator<Buffer> {
  if (entry.compressionMethod !== 0 && entry.compressionMethod !== 8) {
    throw bad(shownAs, entry.fileName, "packed by a method other than Deflate");
  }
  // It ends with an error when it is longer or shorter than the directory says.
  const stream: AsyncIterable<Buffer> = await zip.openReadStreamPromise(entry);
  let sum = 0;
  for await (const chunk of stream) {
    sum = crc32(chunk, sum);
    yield chunk;
  }
  if (sum !== entry.crc32) throw bad(shownAs, entry.fileName, "its checksum is wrong");
}

async function wholeOf(content: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of content) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** What many tools make of a folder is an archive with that folder in it. */
function topOf(names: readonly string[], shownAs: string): string {
  if (names.includes("normalizer.json")) return "";
  const tops = new Set(names.map((name) => name.split("/", 1)[0] ?? ""));
  const [top = "", ...others] = tops;
  if (others.length === 0 && names.includes(`${top}/normalizer.json`)) return top;
  throw bad(shownAs, null, "no normalizer.json at the top of the archive, or in the only folder there");
}

function bad(shownAs: string, entry: string | null, why: string, cause?: unknown): WhiskersError {
  const where = entry === null ? shownAs : `${shownAs}: ${JSON.stringify(entry)}`;
  return new WhiskersError("package-unreadable", `${where}: ${why}`, { cause });
}
