import { open } from "node:fs/promises";
import path from "node:path";

import { WhiskersError } from "../../errors.ts";
import { listTree, type TreeEntry } from "./list-tree.ts";

/** A folder whose content a layer puts somewhere. */
export interface LayerSource {
  /** Absolute. */
  readonly folder: string;
  /** Where in the image, relative: `whiskers/package`, or empty for its root. */
  readonly place: string;
  /** Which files and folders of it, by their paths in it; not given: all. */
  readonly only?: (path: string) => boolean;
}

const BLOCK_BYTES = 512;
const CHUNK_BYTES = 256 * 1024;
/** POSIX.1-2001, pax: what ustar's fields cannot hold goes into a record before. */
const NAME_MAX_BYTES = 100;
const SIZE_MAX = 8 ** 11 - 1;

/**
 * A layer as a tar archive: the same bytes for the same files, on every machine and every day. Owner and group are 0,
 * times 1970, modes 0755 for folders and programs and 0644 for other files. It comes in pieces of one size, because what
 * compresses it may look at where they end.
 */
export async function* layerArchive(sources: readonly LayerSource[]): AsyncGenerator<Buffer> {
  let held: Buffer[] = [];
  let bytes = 0;
  for await (const piece of pieces(sources)) {
    held.push(piece);
    bytes += piece.length;
    while (bytes >= CHUNK_BYTES) {
      const all = Buffer.concat(held);
      yield all.subarray(0, CHUNK_BYTES);
      held = [all.subarray(CHUNK_BYTES)];
      bytes -= CHUNK_BYTES;
    }
  }
  yield Buffer.concat(held);
}

async function* pieces(sources: readonly LayerSource[]): AsyncGenerator<Buffer> {
  const made = new Set<string>();
  for (const { folder, place, only } of sources) {
    for (const parent of parentsOf(place)) {
      if (made.has(parent)) continue;
      made.add(parent);
      yield headerOf({ kind: "folder", path: parent });
    }
    for await (const entry of listTree(folder)) {
      if (only?.(entry.path) === false) continue;
      const inImage = place === "" ? entry.path : `${place}/${entry.path}`;
      yield headerOf({ ...entry, path: inImage });
      if (entry.kind === "file") yield* contentOf(path.join(folder, entry.path), entry.size);
    }
  }
  yield Buffer.alloc(2 * BLOCK_BYTES);
}

function parentsOf(place: string): readonly string[] {
  const parts = place.split("/").filter((part) => part !== "");
  return parts.map((_, index) => parts.slice(0, index + 1).join("/"));
}

async function* contentOf(file: string, size: number): AsyncGenerator<Buffer> {
  await using handle = await open(file);
  let left = size;
  while (left > 0) {
    const buffer = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, left));
    const { bytesRead } = await handle.read(buffer, 0, buffer.length);
    if (bytesRead === 0)
      throw new WhiskersError("package-unreadable", `${file}: it shrank while it was read`);
    left -= bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
  yield padding(size);
}

function headerOf(entry: TreeEntry): Buffer {
  const name = entry.kind === "folder" ? `${entry.path}/` : entry.path;
  const target = entry.kind === "link" ? entry.target : "";
  const size = entry.kind === "file" ? entry.size : 0;
  const records = [
    ...(fits(name) ? [] : [paxRecord("path", name)]),
    ...(fits(target) ? [] : [paxRecord("linkpath", target)]),
    ...(size <= SIZE_MAX ? [] : [paxRecord("size", String(size))]),
  ];
  const header = ustar({
    name: fits(name) ? name : asciiStart(name),
    target: fits(target) ? target : asciiStart(target),
    type: { file: "0", link: "2", folder: "5" }[entry.kind],
    mode: modeOf(entry),
    size: Math.min(size, SIZE_MAX),
  });
  if (records.length === 0) return header;
  const extended = Buffer.concat(records);
  const paxHeader = ustar({ name: "PaxHeader", target: "", type: "x", mode: 0o644, size: extended.length });
  return Buffer.concat([paxHeader, extended, padding(extended.length), header]);
}

/** Readers take ustar's fields for whatever encoding they like; so only ASCII is in them. */
function fits(text: string): boolean {
  return text.length <= NAME_MAX_BYTES && /^[\u0020-\u007e]*$/u.test(text);
}

function asciiStart(text: string): string {
  return text.replaceAll(/[^\u0020-\u007e]/gu, "_").slice(0, NAME_MAX_BYTES);
}

/** `<length> <key>=<value>\n`, where the length counts itself. */
function paxRecord(key: string, value: string): Buffer {
  const rest = ` ${key}=${value}\n`;
  const restBytes = Buffer.byteLength(rest);
  let length = restBytes + String(restBytes).length;
  length = restBytes + String(length).length;
  return Buffer.from(`${length}${rest}`);
}

function modeOf(entry: TreeEntry): number {
  switch (entry.kind) {
    case "folder":
      return 0o755;
    case "link":
      return 0o777;
    case "file":
      return entry.executable ? 0o755 : 0o644;
  }
}

interface Fields {
  readonly name: string;
  readonly target: string;
  readonly type: string;
  readonly mode: number;
  readonly size: number;
}

function ustar({ name, target, type, mode, size }: Fields): Buffer {
  const header = Buffer.alloc(BLOCK_BYTES);
  header.write(name, 0, "latin1");
  header.write(`${mode.toString(8).padStart(7, "0")}\0`, 100);
  header.write("0000000\0", 108);
  header.write("0000000\0", 116);
  header.write(`${size.toString(8).padStart(11, "0")}\0`, 124);
  header.write("00000000000\0", 136);
  header.write("        ", 148);
  header.write(type, 156);
  header.write(target, 157, "latin1");
  header.write("ustar\u000000", 257);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return header;
}

function padding(size: number): Buffer {
  return Buffer.alloc((BLOCK_BYTES - (size % BLOCK_BYTES)) % BLOCK_BYTES);
}
