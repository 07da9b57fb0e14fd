import type { OpenNode } from "../wasi/descriptors.ts";
import { WasiError } from "../wasi/errno.ts";
import type { ERRNO } from "../wasi/errno.ts";
import { position, readNode, writeNode } from "../wasi/file-calls.ts";
import { OPEN, openNode, rename } from "../wasi/path-calls.ts";
import { addEntry, disuse, folder, lookUp, removeEntry, resize, sizeOf, use } from "../wasi/tree.ts";
import type { Folder, Node, Place } from "../wasi/tree.ts";
import { ComponentError } from "./component-error.ts";
import type { Interface } from "./component-error.ts";
import type { Handles } from "./handles.ts";
import { InputStream, OutputStream } from "./io.ts";
import { OURS, Resource } from "./resource.ts";

const READ_MAX_BYTES = 1024 * 1024;
const PATH_MAX_CHARS = 4096;

/** `error-code` of `wasi:filesystem`, by what preview 1 calls it here. */
const CODES: Readonly<Partial<Record<string, string>>> = {
  badDescriptor: "bad-descriptor",
  exists: "exist",
  fileTooBig: "file-too-large",
  illegalBytes: "illegal-byte-sequence",
  invalid: "invalid",
  isFolder: "is-directory",
  nameTooLong: "name-too-long",
  noEntry: "no-entry",
  noSpace: "insufficient-space",
  notEmpty: "not-empty",
  notFolder: "not-directory",
  notPermitted: "not-permitted",
  notSupported: "unsupported",
  readOnly: "read-only",
} satisfies Readonly<Partial<Record<keyof typeof ERRNO, string>>>;

interface Stat {
  readonly type: string;
  readonly linkCount: bigint;
  readonly size: bigint;
}

interface OpenFlags {
  readonly create?: boolean;
  readonly directory?: boolean;
  readonly exclusive?: boolean;
  readonly truncate?: boolean;
}

interface DescriptorFlags {
  readonly read?: boolean;
  readonly write?: boolean;
  readonly mutateDirectory?: boolean;
}

class DirectoryEntryStream extends Resource {
  readonly #entries: Iterator<readonly [string, Node]>;

  constructor(key: unknown, entries: Iterable<readonly [string, Node]>) {
    super(key);
    this.#entries = entries[Symbol.iterator]();
  }

  readDirectoryEntry(): { readonly type: string; readonly name: string } | undefined {
    const next = this.#entries.next();
    return next.done === true ? undefined : { type: typeOf(next.value[1]), name: next.value[0] };
  }
}

/** A file or folder of the instance's tree that is open. There are no links, times and rights in it. */
class Descriptor extends Resource {
  readonly #open: OpenNode;
  readonly #handles: Handles;
  readonly #numbers: NodeNumbers;

  constructor(key: unknown, open: OpenNode, handles: Handles, numbers: NodeNumbers) {
    super(key);
    handles.take();
    this.#open = open;
    this.#handles = handles;
    this.#numbers = numbers;
    use(open.node);
  }

  readViaStream(offset: bigint): InputStream {
    let at = answered(() => position(offset));
    return new InputStream(
      OURS,
      (length) => {
        const bytes = this.#read(length, at);
        at += bytes.length;
        return bytes;
      },
      this.#hold(),
    );
  }

  writeViaStream(offset: bigint): OutputStream {
    let at = answered(() => position(offset));
    return new OutputStream(
      OURS,
      (bytes) => {
        at += this.#write(bytes, at);
      },
      this.#hold(),
    );
  }

  appendViaStream(): OutputStream {
    return new OutputStream(
      OURS,
      (bytes) => {
        this.#write(bytes, sizeOf(this.#open.node));
      },
      this.#hold(),
    );
  }

  advise(): void {}

  sync(): void {}

  syncData(): void {}

  setTimes(): void {}

  setTimesAt(_flags: unknown, path: string): void {
    this.#existing(path);
  }

  getFlags(): DescriptorFlags {
    const { readable, writable, node } = this.#open;
    return {
      read: readable,
      write: writable,
      mutateDirectory: node.kind === "folder" && node.quota !== null,
    };
  }

  getType(): string {
    return typeOf(this.#open.node);
  }

  setSize(size: bigint): void {
    answered(() => {
      const { node, writable } = this.#open;
      if (!writable || node.kind !== "memory") throw new WasiError("badDescriptor");
      resize(node, position(size));
    });
  }

  read(length: bigint, offset: bigint): readonly [Uint8Array, boolean] {
    const at = answered(() => position(offset));
    const bytes = this.#read(length > READ_MAX_BYTES ? READ_MAX_BYTES : Number(length), at);
    return [bytes, at + bytes.length >= sizeOf(this.#open.node)];
  }

  write(bytes: Uint8Array, offset: bigint): bigint {
    return BigInt(
      this.#write(
        bytes,
        answered(() => position(offset)),
      ),
    );
  }

  readDirectory(): DirectoryEntryStream {
    return answered(() => new DirectoryEntryStream(OURS, this.#folder().entries));
  }

  createDirectoryAt(path: string): void {
    this.#change(path, (place) => {
      if (place.node !== null) throw new WasiError("exists");
      addEntry(place, folder(place.parent.quota));
    });
  }

  stat(): Stat {
    return statOf(this.#open.node);
  }

  statAt(_flags: unknown, path: string): Stat {
    return statOf(this.#existing(path));
  }

  openAt(_pathFlags: unknown, path: string, how: OpenFlags, flags: DescriptorFlags): Descriptor {
    return answered(() => {
      const writes = flags.write === true;
      const bits =
        (how.create === true ? OPEN.create : 0) |
        (how.directory === true ? OPEN.folder : 0) |
        (how.exclusive === true ? OPEN.exclusive : 0) |
        (how.truncate === true ? OPEN.truncate : 0);
      const node = openNode(this.#find(path), bits, writes);
      const readable = node.kind === "folder" || flags.read === true || !writes;
      const writable = writes && node.kind === "memory" && node.quota !== null;
      return new Descriptor(
        OURS,
        { kind: "node", node, position: 0, append: false, readable, writable, preopen: null },
        this.#handles,
        this.#numbers,
      );
    });
  }

  removeDirectoryAt(path: string): void {
    this.#change(path, (place) => {
      if (place.node === null) throw new WasiError("noEntry");
      if (place.node.kind !== "folder") throw new WasiError("notFolder");
      if (place.name === ".") throw new WasiError("invalid");
      if (place.node.entries.size > 0) throw new WasiError("notEmpty");
      removeEntry(place);
    });
  }

  unlinkFileAt(path: string): void {
    this.#change(path, (place) => {
      if (place.node === null) throw new WasiError("noEntry");
      if (place.node.kind === "folder") throw new WasiError("isFolder");
      removeEntry(place);
    });
  }

  renameAt(path: string, to: Descriptor, toPath: string): void {
    answered(() => {
      rename(this.#find(path), to.#find(toPath));
    });
  }

  linkAt(): never {
    throw new ComponentError("unsupported");
  }

  symlinkAt(): never {
    throw new ComponentError("unsupported");
  }

  readlinkAt(path: string): never {
    this.#existing(path);
    throw new ComponentError("invalid");
  }

  isSameObject(other: Descriptor): boolean {
    return this.#open.node === other.#open.node;
  }

  metadataHash(): { readonly upper: bigint; readonly lower: bigint } {
    return this.#numbers.hashOf(this.#open.node);
  }

  metadataHashAt(_flags: unknown, path: string): { readonly upper: bigint; readonly lower: bigint } {
    return this.#numbers.hashOf(this.#existing(path));
  }

  [Symbol.dispose](): void {
    disuse(this.#open.node);
    this.#handles.giveBack();
  }

  /** A stream of it counts as open, too. */
  #hold(): () => void {
    this.#handles.take();
    use(this.#open.node);
    return () => {
      disuse(this.#open.node);
      this.#handles.giveBack();
    };
  }

  #read(length: number, at: number): Uint8Array {
    return answered(() => {
      const bytes = new Uint8Array(Math.min(length, Math.max(0, sizeOf(this.#open.node) - at)));
      return bytes.subarray(0, readNode(this.#open, [bytes], at));
    });
  }

  #write(bytes: Uint8Array, at: number): number {
    return answered(() => writeNode(this.#open, [bytes], at));
  }

  #folder(): Folder {
    const { node } = this.#open;
    if (node.kind !== "folder") throw new WasiError("notFolder");
    return node;
  }

  #find(path: string): Place {
    if (path.length > PATH_MAX_CHARS) throw new WasiError("nameTooLong");
    return lookUp(this.#folder(), path);
  }

  #existing(path: string): Node {
    return answered(() => {
      const { node } = this.#find(path);
      if (node === null) throw new WasiError("noEntry");
      return node;
    });
  }

  #change(path: string, change: (place: Place) => void): void {
    answered(() => {
      change(this.#find(path));
    });
  }
}

/** `wasi:filesystem`: the tree that modules of preview 1 see, without /dev. */
export function filesystemInterfaces(root: Folder, handles: Handles): Readonly<Record<string, Interface>> {
  const open: OpenNode = {
    kind: "node",
    node: root,
    position: 0,
    append: false,
    readable: true,
    writable: false,
    preopen: "/",
  };
  const numbers = new NodeNumbers();
  return {
    "wasi:filesystem/preopens": {
      getDirectories: () => [[new Descriptor(OURS, open, handles, numbers), "/"]],
    },
    // Errors of streams say nothing that has a code.
    "wasi:filesystem/types": { Descriptor, DirectoryEntryStream, filesystemErrorCode: () => undefined },
  };
}

function answered<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof WasiError) throw new ComponentError(CODES[error.message] ?? "io");
    throw error;
  }
}

function typeOf(node: Node): string {
  if (node.kind === "device") return "unknown";
  return node.kind === "folder" ? "directory" : "regular-file";
}

function statOf(node: Node): Stat {
  return { type: typeOf(node), linkCount: 1n, size: BigInt(sizeOf(node)) };
}

/** Numbers that nodes keep while their instance lives. Another one's begin anew: they would tell what this one did. */
class NodeNumbers {
  readonly #numbers = new WeakMap<Node, bigint>();
  #last = 0n;

  hashOf(node: Node): { readonly upper: bigint; readonly lower: bigint } {
    const known = this.#numbers.get(node);
    if (known !== undefined) return { upper: 0n, lower: known };
    this.#last += 1n;
    this.#numbers.set(node, this.#last);
    return { upper: 0n, lower: this.#last };
  }
}
