import { createReadStream } from "node:fs";

/** What an archive holds. Owner is root, times are 0 where none is given: equal entries make equal bytes. */
export type TarEntry =
  | { readonly kind: "folder"; readonly path: string; readonly mode: number }
  | { readonly kind: "file"; readonly path: string; readonly mode: number; readonly content: Uint8Array }
  | {
      readonly kind: "copy";
      readonly path: string;
      readonly mode: number;
      readonly source: string;
      readonly sizeBytes: number;
      /** Since 1970. */
      readonly changedSeconds?: number;
    }
  | { readonly kind: "link"; readonly path: string; readonly to: string };

const BLOCK_BYTES = 512;
const NAME_MAX_BYTES = 100;
const TYPE = { file: "0", copy: "0", link: "2", folder: "5" } as const;

/**
 * An archive in the pax form of POSIX.1-2001: ustar, and what does not fit into it in a header before.
 * @throws Error a file has not the size that its entry says
 */
export async function* tarOf(entries: AsyncIterable<TarEntry> | Iterable<TarEntry>): AsyncGenerator<Buffer> {
  for await (const entry of entries) {
    const sizeBytes = sizeOf(entry);
    const long = longFields(entry, sizeBytes);
    if (long !== "") yield Buffer.concat([header("pax", "x", 0o644, byteLength(long), ""), padded(long)]);
    const to = entry.kind === "link" ? entry.to : "";
    const mode = entry.kind === "link" ? 0o777 : entry.mode;
    const changed = entry.kind === "copy" ? (entry.changedSeconds ?? 0) : 0;
    yield header(entry.path, TYPE[entry.kind], mode, sizeBytes, to, changed);
    if (entry.kind === "file") yield padded(entry.content);
    else if (entry.kind === "copy") yield* contentOf(entry.source, sizeBytes);
  }
  yield Buffer.alloc(2 * BLOCK_BYTES);
}

function sizeOf(entry: TarEntry): number {
  if (entry.kind === "file") return entry.content.length;
  return entry.kind === "copy" ? entry.sizeBytes : 0;
}

async function* contentOf(file: string, sizeBytes: number): AsyncGenerator<Buffer> {
  let read = 0;
  for await (const chunk of createReadStream(file) as AsyncIterable<Buffer>) {
    read += chunk.length;
    yield chunk;
  }
  if (read !== sizeBytes) throw new Error(`${file} changed while it was read`);
  yield Buffer.alloc(paddingOf(sizeBytes));
}

/** Records `length key=value\n`, where the length counts itself. */
function longFields(entry: TarEntry, sizeBytes: number): string {
  const fields: string[] = [];
  if (byteLength(entry.path) > NAME_MAX_BYTES) fields.push(`path=${entry.path}`);
  if (entry.kind === "link" && byteLength(entry.to) > NAME_MAX_BYTES) fields.push(`linkpath=${entry.to}`);
  if (sizeBytes >= 8 ** 11) fields.push(`size=${sizeBytes}`);
  return fields.map(paxRecord).join("");
}

function paxRecord(field: string): string {
  const rest = byteLength(field) + 2;
  let length = rest + String(rest).length;
  if (String(length).length > String(rest).length) length = rest + String(length).length;
  return `${length} ${field}\n`;
}

/** pax(1), "ustar Interchange Format". */
function header(
  path: string,
  type: string,
  mode: number,
  sizeBytes: number,
  to: string,
  changedSeconds = 0,
): Buffer {
  const block = Buffer.alloc(BLOCK_BYTES);
  // Longer ones stand in the pax header.
  block.write(path, 0, NAME_MAX_BYTES);
  const octal = (value: number, at: number, digits: number): void => {
    block.write(value.toString(8).padStart(digits, "0").slice(-digits), at, "latin1");
  };
  octal(mode, 100, 7);
  octal(0, 108, 7);
  octal(0, 116, 7);
  octal(sizeBytes, 124, 11);
  octal(Math.max(0, changedSeconds), 136, 11);
  block.write("        ", 148, "latin1");
  block.write(type, 156, "latin1");
  block.write(to, 157, NAME_MAX_BYTES);
  block.write("ustar\u000000", 257, "latin1");
  octal(0, 329, 7);
  octal(0, 337, 7);
  octal(
    block.reduce((sum, byte) => sum + byte, 0),
    148,
    6,
  );
  block.write("\0 ", 154, "latin1");
  return block;
}

function padded(content: Uint8Array | string): Buffer {
  const bytes = Buffer.from(content);
  return Buffer.concat([bytes, Buffer.alloc(paddingOf(bytes.length))]);
}

function paddingOf(sizeBytes: number): number {
  return (BLOCK_BYTES - (sizeBytes % BLOCK_BYTES)) % BLOCK_BYTES;
}

function byteLength(text: string): number {
  return Buffer.byteLength(text);
}
