/** A raw file that no scanner would write, and that a normalizer must survive. */
export interface HostileRaw {
  readonly name: string;
  readonly content: Buffer;
  /** It is large: running out of a limit that the manifest sets, but for time, is an answer too. */
  readonly isLarge?: true;
}

const RANDOM_BYTES = 65_536;
const LARGE_BYTES = 8 * 1024 * 1024;

/** Made from a raw file that it can read; the same each time, so that a failure can be looked into. */
export function hostileRaws(sample: Buffer): readonly HostileRaw[] {
  const half = Math.floor(sample.length / 2);
  return [
    { name: "empty", content: Buffer.alloc(0) },
    { name: "truncated in the middle", content: sample.subarray(0, half) },
    { name: "truncated before its last byte", content: sample.subarray(0, Math.max(0, sample.length - 1)) },
    { name: "random bytes", content: randomBytes(RANDOM_BYTES) },
    { name: "its middle overwritten with random bytes", content: overwritten(sample, half) },
    { name: "in UTF-16", content: Buffer.from(`\ufeff${sample.toString("latin1")}`, "utf16le") },
    { name: "bytes that are not UTF-8 between its lines", content: withBadBytes(sample) },
    { name: "very large", content: repeated(sample), isLarge: true },
  ];
}

function overwritten(sample: Buffer, at: number): Buffer {
  const changed = Buffer.from(sample);
  randomBytes(Math.min(64, sample.length - at)).copy(changed, at);
  return changed;
}

function withBadBytes(sample: Buffer): Buffer {
  return Buffer.from(sample.toString("latin1").replaceAll("\n", "\u00ff\u00fe\u0080\n"), "latin1");
}

function repeated(sample: Buffer): Buffer {
  return sample.length === 0
    ? randomBytes(LARGE_BYTES)
    : Buffer.alloc(Math.max(LARGE_BYTES, sample.length), sample);
}

/** Xorshift, from a fixed seed: nobody's secret. */
function randomBytes(count: number): Buffer {
  const words = new Uint32Array(Math.ceil(count / 4));
  let state = 0x9e3779b9;
  for (let index = 0; index < words.length; index += 1) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    words[index] = state;
  }
  return Buffer.from(words.buffer).subarray(0, count);
}
