import type { Call, CallContext } from "./create-wasi.ts";
import type { Descriptor, OpenNode } from "./descriptors.ts";
import { WasiError } from "./errno.ts";
import { readAt, resize, sizeOf, writeAt } from "./tree.ts";
import type { DiskFile, MemoryFile, Node } from "./tree.ts";

/** `filetype` of WASI. Streams are none of its types: whoever writes to them is to buffer, as for a pipe. */
export const TYPE = { unknown: 0, folder: 3, file: 4 } as const;
const APPEND = 1;
const RIGHT = { read: 2n, write: 64n };
const ALL_RIGHTS = 0x1fff_ffffn;
const STAT_BYTES = 64;
const FDSTAT_BYTES = 24;
const DIRENT_BYTES = 24;
const WHENCE = { start: 0, current: 1, end: 2 } as const;

/** Calls on a descriptor. */
export function fileCalls(context: CallContext): Readonly<Record<string, Call>> {
  const { memory, descriptors } = context;
  const fileOf = (number: number): DiskFile | MemoryFile => asFile(descriptors.node(number).node);
  const checkOpen = (number: number): void => {
    descriptors.get(number);
  };
  return {
    fd_advise: checkOpen,
    fd_sync: checkOpen,
    fd_datasync: checkOpen,
    fd_fdstat_set_rights: checkOpen,
    fd_filestat_set_times: checkOpen,
    fd_close: (number: number) => {
      descriptors.close(number);
    },
    fd_renumber: (from: number, to: number) => {
      descriptors.move(from, to);
    },
    fd_allocate: (number: number, offset: bigint, length: bigint) => {
      const file = fileOf(number);
      resize(file, Math.max(file.size, Number(offset + length)));
    },
    fd_filestat_set_size: (number: number, size: bigint) => {
      if (!descriptors.node(number).writable) throw new WasiError("badDescriptor");
      resize(fileOf(number), Number(BigInt.asUintN(64, size)));
    },
    fd_fdstat_get: (number: number, at: number) => {
      const descriptor = descriptors.get(number);
      const target = memory().bytes(at, FDSTAT_BYTES);
      target.fill(0);
      target[0] = typeOf(descriptor);
      target[2] = descriptor.kind === "node" && descriptor.append ? APPEND : 0;
      const rights = rightsOf(descriptor);
      memory().set64((at >>> 0) + 8, rights);
      memory().set64((at >>> 0) + 16, rights);
    },
    fd_fdstat_set_flags: (number: number, flags: number) => {
      const descriptor = descriptors.get(number);
      if (descriptor.kind === "node") descriptor.append = (flags & APPEND) !== 0;
    },
    fd_filestat_get: (number: number, at: number) => {
      const descriptor = descriptors.get(number);
      writeStat(context, descriptor.kind === "node" ? descriptor.node : null, at);
    },
    fd_prestat_get: (number: number, at: number) => {
      memory().set32(at, 0);
      memory().set32((at >>> 0) + 4, preopenOf(descriptors.get(number)).length);
    },
    fd_prestat_dir_name: (number: number, at: number, length: number) => {
      const name = new TextEncoder().encode(preopenOf(descriptors.get(number)));
      if (length >>> 0 < name.length) throw new WasiError("nameTooLong");
      memory().bytes(at, name.length).set(name);
    },
    fd_read: (number: number, vectors: number, count: number, done: number) => {
      const descriptor = descriptors.get(number);
      if (descriptor.kind === "output") throw new WasiError("badDescriptor");
      const targets = memory().vectors(vectors, count);
      let bytes = 0;
      if (descriptor.kind === "input") {
        const target = targets.find(({ length }) => length > 0);
        bytes = target === undefined ? 0 : descriptor.ring.readSome(target);
      } else {
        bytes = readNode(descriptor, targets, descriptor.position);
        descriptor.position += bytes;
      }
      memory().set32(done, bytes);
    },
    fd_pread: (number: number, vectors: number, count: number, offset: bigint, done: number) => {
      memory().set32(
        done,
        readNode(descriptors.node(number), memory().vectors(vectors, count), position(offset)),
      );
    },
    fd_write: (number: number, vectors: number, count: number, done: number) => {
      const descriptor = descriptors.get(number);
      if (descriptor.kind === "input") throw new WasiError("badDescriptor");
      const sources = memory().vectors(vectors, count);
      let bytes = 0;
      if (descriptor.kind === "output") {
        for (const source of sources) {
          descriptor.ring.writeAll(source);
          bytes += source.length;
        }
      } else {
        if (descriptor.append) descriptor.position = sizeOf(descriptor.node);
        bytes = writeNode(descriptor, sources, descriptor.position);
        descriptor.position += bytes;
      }
      memory().set32(done, bytes);
    },
    fd_pwrite: (number: number, vectors: number, count: number, offset: bigint, done: number) => {
      memory().set32(
        done,
        writeNode(descriptors.node(number), memory().vectors(vectors, count), position(offset)),
      );
    },
    fd_seek: (number: number, offset: bigint, whence: number, at: number) => {
      const descriptor = descriptors.node(number);
      const bases: Readonly<Record<number, number>> = {
        [WHENCE.start]: 0,
        [WHENCE.current]: descriptor.position,
        [WHENCE.end]: sizeOf(descriptor.node),
      };
      const base = bases[whence];
      if (base === undefined) throw new WasiError("invalid");
      descriptor.position = position(BigInt(base) + offset);
      memory().set64(at, BigInt(descriptor.position));
    },
    fd_tell: (number: number, at: number) => {
      memory().set64(at, BigInt(descriptors.node(number).position));
    },
    fd_readdir: (number: number, buffer: number, length: number, cookie: bigint, used: number) => {
      const target = memory().bytes(buffer, length);
      const names = [[".", null], ["..", null], ...descriptors.folder(number).entries] as const;
      let at = 0;
      for (let index = position(cookie); index < names.length && at < target.length; index += 1) {
        const [name = "", node = null] = names[index] ?? [];
        const entry = direntOf(name, node, index + 1);
        // What does not fit is cut: so the guest knows that there is more.
        const part = entry.subarray(0, target.length - at);
        target.set(part, at);
        at += part.length;
      }
      memory().set32(used, at);
    },
  };
}

export function writeStat({ memory }: CallContext, node: Node | null, at: number): void {
  memory().bytes(at, STAT_BYTES).fill(0);
  const { view } = memory();
  view.setUint8((at >>> 0) + 16, node === null ? TYPE.unknown : nodeType(node));
  view.setBigUint64((at >>> 0) + 24, 1n, true);
  view.setBigUint64((at >>> 0) + 32, BigInt(node === null ? 0 : sizeOf(node)), true);
}

function typeOf(descriptor: Descriptor): number {
  return descriptor.kind === "node" ? nodeType(descriptor.node) : TYPE.unknown;
}

function nodeType(node: Node): number {
  if (node.kind === "device") return TYPE.unknown;
  return node.kind === "folder" ? TYPE.folder : TYPE.file;
}

function rightsOf(descriptor: Descriptor): bigint {
  switch (descriptor.kind) {
    case "input":
      return RIGHT.read;
    case "output":
      return RIGHT.write;
    case "node":
      if (descriptor.node.kind === "folder") return ALL_RIGHTS;
      return (
        ALL_RIGHTS & ~(descriptor.readable ? 0n : RIGHT.read) & ~(descriptor.writable ? 0n : RIGHT.write)
      );
  }
}

function preopenOf(descriptor: Descriptor): string {
  const preopen = descriptor.kind === "node" ? descriptor.preopen : null;
  if (preopen === null) throw new WasiError("badDescriptor");
  return preopen;
}

export function readNode({ node, readable }: OpenNode, targets: readonly Uint8Array[], from: number): number {
  const file = asFile(node);
  if (!readable) throw new WasiError("badDescriptor");
  let bytes = 0;
  for (const target of targets) {
    const count = readAt(file, target, from + bytes);
    bytes += count;
    if (count < target.length) break;
  }
  return bytes;
}

export function writeNode(
  { node, writable }: OpenNode,
  sources: readonly Uint8Array[],
  from: number,
): number {
  const file = asFile(node);
  if (!writable) throw new WasiError("badDescriptor");
  let bytes = 0;
  for (const source of sources) {
    writeAt(file, source, from + bytes);
    bytes += source.length;
  }
  return bytes;
}

function asFile(node: Node): DiskFile | MemoryFile {
  if (node.kind === "disk" || node.kind === "memory") return node;
  throw new WasiError("isFolder");
}

/** @throws WasiError `invalid`: no position in any file */
export function position(offset: bigint): number {
  if (offset < 0n || offset > BigInt(Number.MAX_SAFE_INTEGER)) throw new WasiError("invalid");
  return Number(offset);
}

function direntOf(name: string, node: Node | null, next: number): Uint8Array {
  const text = new TextEncoder().encode(name);
  const bytes = new Uint8Array(DIRENT_BYTES + text.length);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, BigInt(next), true);
  view.setUint32(16, text.length, true);
  view.setUint8(20, node === null ? TYPE.folder : nodeType(node));
  bytes.set(text, DIRENT_BYTES);
  return bytes;
}
