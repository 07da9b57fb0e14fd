import { WhiskersError } from "../../errors.ts";

/**
 * One entry of an archive, as its header says it. Names are bytes: each character of `name` and `linkName` stands
 * for one (latin1), because what is not UTF-8 would not come back the same.
 */
export interface TarEntry {
  readonly kind: "file" | "folder" | "link" | "hard-link" | "device";
  readonly name: string;
  /** Of `link` and `hard-link`. */
  readonly linkName: string;
  /** Permission bits, setuid and so on, as they are. */
  readonly mode: number;
  /** Of `file`; 0 of all others, which have no content. */
  readonly size: number;
  /** Seconds since 1970. */
  readonly mtime: number;
}

export interface TarHandler {
  entry(entry: TarEntry): void;
  /** A piece of the content of the entry before; its bytes are only valid during the call. */
  content(chunk: Buffer): void;
  /** The content of the entry before is complete. Called also when there was none. */
  entryEnd(): void;
}

export interface TarReader {
  write(chunk: Buffer): void;
  /** @throws WhiskersError `image-invalid` when the archive is cut short */
  end(): void;
}

const BLOCK_BYTES = 512;
/** Of an extended header or a long name; what Go's reader takes, too. */
const MOST_META_BYTES = 2 ** 20;

/**
 * Reads an archive as it comes: ustar, pax and the long names of GNU tar. Nothing larger than one extended header
 * is held. What two readers may understand in two ways is refused, or read as Go's reader does, which is that of
 * nearly every tool for images: links and devices have no content, whatever size their header gives.
 * @param shownAs the layer, as errors call it
 * @throws WhiskersError `image-invalid`
 */
export function createTarReader(handler: TarHandler, shownAs: string): TarReader {
  const block = Buffer.alloc(BLOCK_BYTES);
  let blockBytes = 0;
  /** Bytes of content or of an extended header, and of padding, that are still to come. */
  let left = 0;
  let padding = 0;
  let meta: { readonly type: string; readonly chunks: Buffer[] } | null = null;
  let isContent = false;
  let isOver = false;
  let pending: Extensions = {};

  const fail = (why: string): never => {
    throw new WhiskersError("image-invalid", `${shownAs}: ${why}`);
  };

  return {
    write(chunk) {
      let at = 0;
      while (at < chunk.length && !isOver) {
        if (left > 0) at += takeContent(chunk, at);
        else if (padding > 0) {
          const skipped = Math.min(padding, chunk.length - at);
          padding -= skipped;
          at += skipped;
        } else at += takeHeader(chunk, at);
      }
    },
    end() {
      // What fills the last block may be missing, as what ends an archive: umoci writes neither after an insert, and
      // Go's reader wants neither. That nothing else is missing is what the digest of the content says.
      const isWhole = left === 0 && blockBytes === 0 && Object.keys(pending).length === 0;
      if (!isOver && !isWhole) fail("the archive is cut short");
    },
  };

  function takeContent(chunk: Buffer, at: number): number {
    const piece = chunk.subarray(at, at + Math.min(left, chunk.length - at));
    left -= piece.length;
    if (isContent) handler.content(piece);
    else meta?.chunks.push(Buffer.from(piece));
    if (left === 0) endContent();
    return piece.length;
  }

  function endContent(): void {
    if (isContent) handler.entryEnd();
    else if (meta !== null) readMeta(meta.type, Buffer.concat(meta.chunks));
    isContent = false;
    meta = null;
  }

  function takeHeader(chunk: Buffer, at: number): number {
    const copied = chunk.copy(block, blockBytes, at, at + BLOCK_BYTES - blockBytes);
    blockBytes += copied;
    if (blockBytes === BLOCK_BYTES) {
      blockBytes = 0;
      // Two blocks of zeros end an archive; one is enough for every reader.
      if (block.every((byte) => byte === 0)) isOver = true;
      else readHeader();
    }
    return copied;
  }

  function readHeader(): void {
    if (!hasRightSum(block)) fail("no tar archive, or a damaged one: the sum of a header is wrong");
    const type = String.fromCharCode(block[156] ?? 0);
    const size = numberIn(124, 12);
    if (!Number.isSafeInteger(size) || size < 0) fail("a header with a size that is none");
    if ("xgLK".includes(type)) {
      if (size > MOST_META_BYTES) fail(`an extended header of ${size} bytes`);
      meta = { type, chunks: [] };
      expect(size);
      return;
    }
    const extensions = pending;
    pending = {};
    if (extensions.isSparse === true || type === "S") fail("a sparse file");
    const entry = entryOf(type, size, extensions);
    handler.entry(entry);
    isContent = true;
    expect(entry.size);
  }

  function expect(bytes: number): void {
    left = bytes;
    padding = (BLOCK_BYTES - (bytes % BLOCK_BYTES)) % BLOCK_BYTES;
    if (bytes === 0) endContent();
  }

  function readMeta(type: string, bytes: Buffer): void {
    if (type === "L") pending = { ...pending, longName: untilNul(bytes) };
    else if (type === "K") pending = { ...pending, longLinkName: untilNul(bytes) };
    // What holds for all entries after it: comments of git, and nothing that a reader of images uses.
    else if (type === "x") pending = { ...pending, ...readRecords(bytes) };
  }

  function readRecords(bytes: Buffer): Extensions {
    const found: { -readonly [Key in keyof Extensions]: Extensions[Key] } = {};
    for (let at = 0; at < bytes.length;) {
      const space = bytes.indexOf(0x20, at);
      const lengthText = space === -1 ? "" : bytes.toString("latin1", at, space);
      const end = at + Number(lengthText);
      const equals = bytes.indexOf(0x3d, space);
      const isWhole = /^[1-9]\d{0,7}$/u.test(lengthText) && end <= bytes.length && bytes[end - 1] === 0x0a;
      if (!isWhole || equals === -1 || equals >= end) fail("an extended header that cannot be read");
      const key = bytes.toString("latin1", space + 1, equals);
      const value = bytes.toString("latin1", equals + 1, end - 1);
      at = end;
      if (key === "path") found.name = value;
      else if (key === "linkpath") found.linkName = value;
      else if (key === "size") found.size = decimal(value);
      else if (key === "mtime") found.mtime = Number.parseFloat(value);
      else if (key.startsWith("GNU.sparse.")) found.isSparse = true;
    }
    return found;
  }

  function decimal(value: string): number {
    const number = /^\d{1,16}$/u.test(value) ? Number(value) : Number.NaN;
    return Number.isSafeInteger(number) ? number : fail(`a size of ${JSON.stringify(value)}`);
  }

  function entryOf(type: string, headerSize: number, extensions: Extensions): TarEntry {
    const name = extensions.longName ?? extensions.name ?? headerName();
    const linkName = extensions.longLinkName ?? extensions.linkName ?? untilNul(block.subarray(157, 257));
    if (name === "" || name.includes("\0") || linkName.includes("\0"))
      fail("an entry without a name, or with NUL in it");
    const kind = kindOf(type, name);
    const mtime = extensions.mtime ?? numberIn(136, 12);
    return {
      kind,
      name,
      linkName,
      mode: numberIn(100, 8) & 0o7777,
      size: kind === "file" ? (extensions.size ?? headerSize) : 0,
      mtime: Number.isFinite(mtime) ? mtime : 0,
    };
  }

  function kindOf(type: string, name: string): TarEntry["kind"] {
    switch (type) {
      case "\0":
      case "0":
      case "7":
        // Archives of before 1988 say it so.
        return name.endsWith("/") ? "folder" : "file";
      case "1":
        return "hard-link";
      case "2":
        return "link";
      case "5":
        return "folder";
      case "3":
      case "4":
      case "6":
        return "device";
      default:
        return fail(`${JSON.stringify(name)} is an entry of the unknown type ${JSON.stringify(type)}`);
    }
  }

  function headerName(): string {
    const name = untilNul(block.subarray(0, 100));
    // GNU tar keeps other things where ustar has a prefix.
    const prefix = block.toString("latin1", 257, 263) === "ustar\0" ? untilNul(block.subarray(345, 500)) : "";
    return prefix === "" ? name : `${prefix}/${name}`;
  }

  /** Octal digits, or binary when the first bit is set. */
  function numberIn(from: number, length: number): number {
    const first = block[from] ?? 0;
    if ((first & 0x80) === 0) {
      const text = untilNul(block.subarray(from, from + length)).trim();
      if (text === "") return 0;
      return /^[0-7]+$/u.test(text) ? Number.parseInt(text, 8) : fail("a header with a number that is none");
    }
    let value = BigInt(first & 0x40 ? (first & 0x7f) - 0x80 : first & 0x7f);
    for (let at = from + 1; at < from + length; at += 1) value = value * 256n + BigInt(block[at] ?? 0);
    return Number(value);
  }
}

/** What stands before an entry's own header and replaces parts of it. */
interface Extensions {
  readonly name?: string;
  readonly linkName?: string;
  readonly size?: number;
  readonly mtime?: number;
  readonly isSparse?: boolean;
  readonly longName?: string;
  readonly longLinkName?: string;
}

/** The sum of all bytes, with the field of the sum as spaces. */
function hasRightSum(block: Buffer): boolean {
  let sum = 0;
  for (let at = 0; at < BLOCK_BYTES; at += 1) sum += at >= 148 && at < 156 ? 0x20 : (block[at] ?? 0);
  return Number.parseInt(untilNul(block.subarray(148, 156)).trim(), 8) === sum;
}

function untilNul(bytes: Buffer): string {
  const end = bytes.indexOf(0);
  return bytes.toString("latin1", 0, end === -1 ? bytes.length : end);
}
