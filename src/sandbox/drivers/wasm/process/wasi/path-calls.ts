import type { Call, CallContext } from "./create-wasi.ts";
import { WasiError } from "./errno.ts";
import { writeStat } from "./file-calls.ts";
import { addEntry, folder, lookUp, memoryFile, removeEntry, resize } from "./tree.ts";
import type { Node, Place } from "./tree.ts";

export const OPEN = { create: 1, folder: 2, exclusive: 4, truncate: 8 } as const;
const APPEND = 1;
const WRITE = 64n;
const READ = 2n;

/** Calls on a path below a folder's descriptor. Nothing in the tree is a link, and none can be made. */
export function pathCalls(context: CallContext): Readonly<Record<string, Call>> {
  const { memory, descriptors } = context;
  const find = (number: number, at: number, length: number): Place =>
    lookUp(descriptors.folder(number), memory().path(at, length));
  const existing = (place: Place): Node => {
    if (place.node === null) throw new WasiError("noEntry");
    return place.node;
  };
  return {
    path_open: (
      number: number,
      _follow: number,
      at: number,
      length: number,
      how: number,
      rights: bigint,
      _inherited: bigint,
      flags: number,
      opened: number,
    ) => {
      const writes = (rights & WRITE) !== 0n;
      const node = openNode(find(number, at, length), how, writes);
      if (node.kind === "device") {
        memory().set32(opened, descriptors.add({ kind: node.stream, ring: node.ring }));
        return;
      }
      const descriptor = descriptors.add({
        kind: "node",
        node,
        position: 0,
        append: (flags & APPEND) !== 0,
        readable: node.kind === "folder" || (rights & READ) !== 0n || !writes,
        writable: writes && node.kind === "memory" && node.quota !== null,
        preopen: null,
      });
      memory().set32(opened, descriptor);
    },
    path_filestat_get: (number: number, _follow: number, at: number, length: number, result: number) => {
      writeStat(context, existing(find(number, at, length)), result);
    },
    path_filestat_set_times: (number: number, _follow: number, at: number, length: number) => {
      existing(find(number, at, length));
    },
    path_create_directory: (number: number, at: number, length: number) => {
      const place = find(number, at, length);
      if (place.node !== null) throw new WasiError("exists");
      addEntry(place, folder(place.parent.quota));
    },
    path_remove_directory: (number: number, at: number, length: number) => {
      const place = find(number, at, length);
      const node = existing(place);
      if (node.kind !== "folder") throw new WasiError("notFolder");
      if (place.name === ".") throw new WasiError("invalid");
      if (node.entries.size > 0) throw new WasiError("notEmpty");
      removeEntry(place);
    },
    path_unlink_file: (number: number, at: number, length: number) => {
      const place = find(number, at, length);
      if (existing(place).kind === "folder") throw new WasiError("isFolder");
      removeEntry(place);
    },
    path_rename: (
      number: number,
      at: number,
      length: number,
      toNumber: number,
      toAt: number,
      toLength: number,
    ) => {
      rename(find(number, at, length), find(toNumber, toAt, toLength));
    },
    path_link: notSupported,
    path_symlink: notSupported,
    path_readlink: (number: number, at: number, length: number) => {
      existing(find(number, at, length));
      throw new WasiError("invalid");
    },
  };
}

function notSupported(): never {
  throw new WasiError("notSupported");
}

export function openNode(place: Place, how: number, writes: boolean): Node {
  const { node } = place;
  if (node === null) {
    if ((how & OPEN.create) === 0) throw new WasiError("noEntry");
    if ((how & OPEN.folder) !== 0 || place.mustBeFolder) throw new WasiError("invalid");
    const file = memoryFile(new Uint8Array(), place.parent.quota);
    addEntry(place, file);
    return file;
  }
  if ((how & OPEN.exclusive) !== 0 && (how & OPEN.create) !== 0) throw new WasiError("exists");
  if (node.kind === "folder" || node.kind === "device") return node;
  if ((how & OPEN.folder) !== 0) throw new WasiError("notFolder");
  const isReadOnly = node.kind === "disk" || node.quota === null;
  if (isReadOnly && (writes || (how & OPEN.truncate) !== 0)) throw new WasiError("readOnly");
  if ((how & OPEN.truncate) !== 0) resize(node, 0);
  return node;
}

export function rename(from: Place, to: Place): void {
  const { node } = from;
  if (node === null) throw new WasiError("noEntry");
  if (from.parent.quota === null || to.parent.quota === null) throw new WasiError("readOnly");
  if (from.name === "." || to.name === ".") throw new WasiError("invalid");
  if (node === to.node) return;
  if (node.kind === "folder" && holds(node, to.parent)) throw new WasiError("invalid");
  if (to.node !== null) {
    if (to.node.kind === "folder" && to.node.entries.size > 0) throw new WasiError("notEmpty");
    if (to.node.kind === "folder" && node.kind !== "folder") throw new WasiError("isFolder");
    if (to.node.kind !== "folder" && node.kind === "folder") throw new WasiError("notFolder");
    removeEntry(to);
  }
  addEntry(to, node);
  removeEntry(from);
}

/** Whether `inner` is the folder or in it, at any depth. Folders of a small /tmp: there are few. */
function holds(outer: Node, inner: Node): boolean {
  const left: Node[] = [outer];
  for (let node = left.pop(); node !== undefined; node = left.pop()) {
    if (node === inner) return true;
    if (node.kind === "folder") for (const one of node.entries.values()) left.push(one);
  }
  return false;
}
