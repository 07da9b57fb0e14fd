import { closeSync, openSync, readSync, readdirSync, statSync } from "node:fs";

import type { Ring } from "../ring.ts";
import { WasiError } from "./errno.ts";

/** The files that an instance sees. Names are looked up in this tree alone, never in a file system. */
export type Node = Folder | DiskFile | MemoryFile | Device;

export interface Folder {
  readonly kind: "folder";
  readonly entries: Map<string, Node>;
  /** What may be kept in it; null: it is read-only. */
  readonly quota: Quota | null;
}

/** One of the three streams: what opens it has another descriptor of it. */
export interface Device {
  readonly kind: "device";
  readonly stream: "input" | "output";
  readonly ring: Ring;
}

/** Of the package: read-only. */
export interface DiskFile {
  readonly kind: "disk";
  readonly path: string;
  readonly size: number;
}

/** In /tmp, or a file of one run. */
export interface MemoryFile {
  readonly kind: "memory";
  bytes: Uint8Array;
  size: number;
  readonly quota: Quota | null;
  /** Descriptors of it, and names: with the last of both its room is free again. */
  uses: number;
}

/** What an entry costs besides its bytes: a million empty files must not be free. */
const ENTRY_BYTES = 512;
const DEPTH_MAX = 64;
/** Beyond what was asked for, so that many small writes do not copy each time. It is not touched, and takes no room. */
const GROWTH_MAX_BYTES = 1024 * 1024;

/** Room for all files of one instance's /tmp. */
export class Quota {
  #left: number;

  constructor(bytes: number) {
    this.#left = bytes;
  }

  take(bytes: number): void {
    if (bytes > this.#left) throw new WasiError("noSpace");
    this.#left -= bytes;
  }

  giveBack(bytes: number): void {
    this.#left += bytes;
  }
}

export function folder(quota: Quota | null, entries: Iterable<readonly [string, Node]> = []): Folder {
  return { kind: "folder", entries: new Map(entries), quota };
}

export function memoryFile(bytes: Uint8Array, quota: Quota | null): MemoryFile {
  return { kind: "memory", bytes, size: bytes.length, quota, uses: 0 };
}

/** One more descriptor or name. */
export function use(node: Node): void {
  if (node.kind === "memory") node.uses += 1;
}

export function disuse(node: Node): void {
  if (node.kind !== "memory") return;
  node.uses -= 1;
  if (node.uses === 0) node.quota?.giveBack(node.size);
}

/** The tree in a folder of ours: files and folders, no links. */
export function readTree(path: string, depth = 0): Folder {
  const entries = depth > DEPTH_MAX ? [] : readdirSync(path, { withFileTypes: true });
  const nodes = entries.flatMap((entry): (readonly [string, Node])[] => {
    const inside = `${path}/${entry.name}`;
    if (entry.isDirectory()) return [[entry.name, readTree(inside, depth + 1)]];
    if (entry.isFile()) return [[entry.name, { kind: "disk", path: inside, size: statSync(inside).size }]];
    return [];
  });
  return folder(null, nodes);
}

/** Where a path leads: the folder that its last part is in, that part, and what is there. */
export interface Place {
  readonly parent: Folder;
  readonly name: string;
  readonly node: Node | null;
  /** It can only be a folder: it ended in a slash. */
  readonly mustBeFolder: boolean;
}

/** Follows a path from a folder, without ever leaving it. */
export function lookUp(start: Folder, path: string): Place {
  if (path === "" || path.startsWith("/")) throw new WasiError(path === "" ? "noEntry" : "notPermitted");
  const parts = path.split("/").filter((part) => part !== "" && part !== ".");
  const above: Folder[] = [];
  let at: Folder = start;
  let place: Place = { parent: start, name: ".", node: start, mustBeFolder: true };
  for (const [index, part] of parts.entries()) {
    if (part === "..") {
      const parent = above.pop();
      if (parent === undefined) throw new WasiError("notPermitted");
      at = parent;
      place = { parent, name: ".", node: parent, mustBeFolder: true };
      continue;
    }
    const node = at.entries.get(part) ?? null;
    place = { parent: at, name: part, node, mustBeFolder: path.endsWith("/") };
    if (index === parts.length - 1) break;
    if (node === null) throw new WasiError("noEntry");
    if (node.kind !== "folder") throw new WasiError("notFolder");
    above.push(at);
    at = node;
  }
  if (place.mustBeFolder && place.node !== null && place.node.kind !== "folder")
    throw new WasiError("notFolder");
  return place;
}

export function addEntry({ parent, name }: Place, node: Node): void {
  if (parent.quota === null) throw new WasiError("readOnly");
  parent.quota.take(costOf(name));
  parent.entries.set(name, node);
  use(node);
}

export function removeEntry({ parent, name, node }: Place): void {
  if (parent.quota === null) throw new WasiError("readOnly");
  if (!parent.entries.delete(name)) throw new WasiError("noEntry");
  parent.quota.giveBack(costOf(name));
  if (node !== null) disuse(node);
}

export function sizeOf(node: Node): number {
  return node.kind === "disk" || node.kind === "memory" ? node.size : 0;
}

export function readAt(file: DiskFile | MemoryFile, target: Uint8Array, position: number): number {
  if (file.kind === "memory") {
    const bytes = file.bytes.subarray(
      Math.min(position, file.size),
      Math.min(position + target.length, file.size),
    );
    target.set(bytes);
    return bytes.length;
  }
  if (position >= file.size) return 0;
  const descriptor = openSync(file.path, "r");
  try {
    return readSync(descriptor, target, 0, target.length, position);
  } finally {
    closeSync(descriptor);
  }
}

export function writeAt(file: DiskFile | MemoryFile, source: Uint8Array, position: number): void {
  if (file.kind === "disk" || file.quota === null) throw new WasiError("readOnly");
  resize(file, Math.max(file.size, position + source.length));
  file.bytes.set(source, position);
}

/** What is new is zero. */
export function resize(file: DiskFile | MemoryFile, size: number): void {
  if (file.kind === "disk" || file.quota === null) throw new WasiError("readOnly");
  if (!Number.isSafeInteger(size)) throw new WasiError("fileTooBig");
  if (size > file.size) file.quota.take(size - file.size);
  if (size > file.bytes.length) {
    const bytes = new Uint8Array(
      Math.max(size, file.bytes.length + Math.min(file.bytes.length, GROWTH_MAX_BYTES)),
    );
    bytes.set(file.bytes.subarray(0, file.size));
    file.bytes = bytes;
  }
  if (size < file.size) {
    file.quota.giveBack(file.size - size);
    file.bytes = file.bytes.slice(0, size);
  }
  file.size = size;
}

function costOf(name: string): number {
  return ENTRY_BYTES + 2 * name.length;
}
