const BLOCK_BYTES = 512;
/** What eleven octal digits can say. */
const MOST_BYTES = 8 ** 11 - 1;

/**
 * The header of a plain file, as ustar has it: of no owner, of no time, readable by all.
 * @param name at most 100 bytes, ASCII
 */
export function tarHeader(name: string, size: number): Buffer {
  if (name.length > 100 || size > MOST_BYTES) throw new RangeError(`no header for ${name} of ${size} bytes`);
  const header = Buffer.alloc(BLOCK_BYTES);
  header.write(name, 0);
  header.write("0000644\0", 100);
  header.write("0000000\0", 108);
  header.write("0000000\0", 116);
  header.write(`${size.toString(8).padStart(11, "0")}\0`, 124);
  header.write("00000000000\0", 136);
  header.write("        ", 148);
  header.write("0", 156);
  header.write("ustar\u000000", 257);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return header;
}

/** The zeros after a content, up to the next block. */
export function tarPadding(size: number): Buffer {
  return Buffer.alloc((BLOCK_BYTES - (size % BLOCK_BYTES)) % BLOCK_BYTES);
}
