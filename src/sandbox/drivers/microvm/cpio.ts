/** A file, folder or link; `mode` as in stat(2), `content` of a link is where it leads. */
export interface CpioEntry {
  readonly path: string;
  readonly mode: number;
  readonly content: Buffer;
}

/** An archive in the "newc" form that kernels unpack: Documentation/driver-api/early-userspace/buffer-format.rst. */
export function cpioOf(entries: readonly CpioEntry[]): Buffer {
  const parts = entries.flatMap((entry, index) => partsOf(entry, index + 1));
  return Buffer.concat([...parts, ...partsOf({ path: "TRAILER!!!", mode: 0, content: Buffer.alloc(0) }, 0)]);
}

const ALIGN_BYTES = 4;

function partsOf({ path, mode, content }: CpioEntry, inode: number): readonly Buffer[] {
  const name = Buffer.from(`${path}\0`);
  // inode, mode, user, group, links, time, size, device, device of the node (two numbers each), name, checksum
  const fields = [inode, mode, 0, 0, 1, 0, content.length, 0, 0, 0, 0, name.length, 0];
  const header = Buffer.from(`070701${fields.map((value) => value.toString(16).padStart(8, "0")).join("")}`);
  return [header, name, paddingOf(header.length + name.length), content, paddingOf(content.length)];
}

function paddingOf(bytes: number): Buffer {
  return Buffer.alloc((ALIGN_BYTES - (bytes % ALIGN_BYTES)) % ALIGN_BYTES);
}
