const MASK = 0xffff_ffff_ffff_ffffn;
const C1 = 0x87c3_7b91_1142_53d5n;
const C2 = 0x4cf5_ad43_2745_937fn;

/**
 * MurmurHash3, x64 variant, 128 bits, seed 0, as 32 hex digits: the scheduler's key for telling
 * equal tasks. After Austin Appleby's public-domain description of the algorithm.
 */
export function murmurHash3(text: string): string {
  const bytes = Buffer.from(text);
  let h1 = 0n;
  let h2 = 0n;
  const blocks = bytes.length >> 4;
  for (let block = 0; block < blocks; block += 1) {
    h1 ^= mixK1(bytes.readBigUInt64LE(block * 16));
    h1 = (rotate(h1, 27n) + h2) & MASK;
    h1 = (h1 * 5n + 0x52dc_e729n) & MASK;
    h2 ^= mixK2(bytes.readBigUInt64LE(block * 16 + 8));
    h2 = (rotate(h2, 31n) + h1) & MASK;
    h2 = (h2 * 5n + 0x3849_5ab5n) & MASK;
  }
  const tail = Buffer.alloc(16);
  bytes.copy(tail, 0, blocks * 16);
  h1 ^= mixK1(tail.readBigUInt64LE(0));
  h2 ^= mixK2(tail.readBigUInt64LE(8));
  h1 ^= BigInt(bytes.length);
  h2 ^= BigInt(bytes.length);
  h1 = (h1 + h2) & MASK;
  h2 = (h2 + h1) & MASK;
  h1 = finish(h1);
  h2 = finish(h2);
  h1 = (h1 + h2) & MASK;
  h2 = (h2 + h1) & MASK;
  return hex(h1) + hex(h2);
}

function mixK1(k: bigint): bigint {
  return (rotate((k * C1) & MASK, 31n) * C2) & MASK;
}

function mixK2(k: bigint): bigint {
  return (rotate((k * C2) & MASK, 33n) * C1) & MASK;
}

function rotate(x: bigint, by: bigint): bigint {
  return ((x << by) | (x >> (64n - by))) & MASK;
}

function finish(k: bigint): bigint {
  let x = k;
  x ^= x >> 33n;
  x = (x * 0xff51_afd7_ed55_8ccdn) & MASK;
  x ^= x >> 33n;
  x = (x * 0xc4ce_b9fe_1a85_ec53n) & MASK;
  return x ^ (x >> 33n);
}

/** Bytes in little-endian order, as the usual libraries print the digest. */
function hex(x: bigint): string {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(x);
  return bytes.toString("hex");
}
