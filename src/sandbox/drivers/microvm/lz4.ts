/**
 * Unpacks the legacy form of LZ4 that kernels are packed in: a magic number, then blocks, each after its length.
 * By lz4's "LZ4 Block Format" and the legacy frame of its "Frame Format".
 * @throws RangeError it is damaged
 */
export function unpackLegacyLz4(packed: Buffer, sizeBytes: number): Buffer {
  const out = Buffer.alloc(sizeBytes);
  let written = 0;
  for (let at = MAGIC_BYTES; at + LENGTH_BYTES <= packed.length && written < sizeBytes;) {
    const length = packed.readUInt32LE(at);
    at += LENGTH_BYTES;
    written = unpackBlock(packed.subarray(at, at + length), out, written);
    at += length;
  }
  if (written !== sizeBytes) throw new RangeError(`${written} bytes instead of ${sizeBytes}`);
  return out;
}

export const LEGACY_LZ4_MAGIC = 0x18_4c_21_02;
const MAGIC_BYTES = 4;
const LENGTH_BYTES = 4;
const LEAST_MATCH = 4;
const MORE = 15;
const MORE_BYTE = 255;

/** @returns how far `out` is filled then */
function unpackBlock(block: Buffer, out: Buffer, start: number): number {
  let [at, written] = [0, start];
  const lengthOf = (short: number): number => {
    let length = short;
    if (short === MORE) {
      let byte: number;
      do {
        byte = block.readUInt8(at);
        at += 1;
        length += byte;
      } while (byte === MORE_BYTE);
    }
    return length;
  };
  while (at < block.length) {
    const token = block.readUInt8(at);
    at += 1;
    const literals = lengthOf(token >> 4);
    if (at + literals > block.length || written + literals > out.length) throw new RangeError("too long");
    block.copy(out, written, at, at + literals);
    at += literals;
    written += literals;
    // The last sequence is literals alone.
    if (at >= block.length) break;
    const distance = block.readUInt16LE(at);
    at += 2;
    const length = lengthOf(token & MORE) + LEAST_MATCH;
    if (distance === 0 || distance > written || written + length > out.length)
      throw new RangeError("bad distance");
    written = copyMatch(out, written, distance, length);
  }
  return written;
}

/** What is copied may be what the same copy has just written. */
function copyMatch(out: Buffer, start: number, distance: number, length: number): number {
  if (distance >= length) out.copy(out, start, start - distance, start - distance + length);
  else for (let index = start; index < start + length; index += 1) out[index] = out[index - distance] ?? 0;
  return start + length;
}
