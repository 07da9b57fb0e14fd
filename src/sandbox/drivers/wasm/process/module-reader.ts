/** Of the binary format: https://webassembly.github.io/spec/core/binary/modules.html */
export const SECTION = {
  custom: 0,
  type: 1,
  import: 2,
  function: 3,
  table: 4,
  memory: 5,
  global: 6,
  export: 7,
  start: 8,
  code: 10,
  data: 11,
  dataCount: 12,
} as const;

const HEADER_BYTES = 8;

export interface Section {
  readonly id: number;
  /** Where its content begins. */
  readonly from: number;
  readonly content: Uint8Array;
}

/** Reads a module's bytes in order. Every method throws a RangeError behind their end. */
export class ModuleReader {
  readonly #bytes: Uint8Array;
  position: number;

  constructor(bytes: Uint8Array, position = HEADER_BYTES) {
    this.#bytes = bytes;
    this.position = position;
  }

  at(position: number): ModuleReader {
    return new ModuleReader(this.#bytes, position);
  }

  *sections(): Generator<Section> {
    while (this.position < this.#bytes.length) {
      const id = this.byte();
      const length = this.number();
      const from = this.position;
      yield { id, from, content: this.bytes(length) };
    }
  }

  byte(): number {
    const byte = this.#bytes[this.position];
    if (byte === undefined) throw new RangeError("the module ends too early");
    this.position += 1;
    return byte;
  }

  bytes(length: number): Uint8Array {
    const from = this.position;
    this.skip(length);
    return this.#bytes.subarray(from, this.position);
  }

  skip(length: number): void {
    if (this.position + length > this.#bytes.length) throw new RangeError("the module ends too early");
    this.position += length;
  }

  /** LEB128, unsigned, of 32 bits. */
  number(): number {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.byte();
      value += (byte & 0x7f) * 2 ** shift;
      if ((byte & 0x80) === 0) return value;
    }
    throw new RangeError("a number that is too long");
  }

  /** LEB128, signed, of 32 bits. */
  signedNumber(): number {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.byte();
      value |= (byte & 0x7f) << shift;
      if ((byte & 0x80) !== 0) continue;
      return shift < 25 && (byte & 0x40) !== 0 ? value | (-1 << (shift + 7)) : value;
    }
    throw new RangeError("a number that is too long");
  }

  /** LEB128 of any kind. */
  skipNumber(): void {
    while ((this.byte() & 0x80) !== 0);
  }

  /** A section that is a list, and entries behind its last. */
  withMore({ from, content }: Section, more: readonly number[][]): Uint8Array {
    const inside = this.at(from);
    const count = inside.number();
    const rest = content.subarray(inside.position - from);
    const added = Uint8Array.from(more.flat());
    return Buffer.concat([Uint8Array.from(writeNumber(count + more.length)), rest, added]);
  }

  /** The module with other contents of its sections; null leaves one out. */
  rewritten(sections: readonly Section[], content: (section: Section) => Uint8Array | null): Uint8Array {
    const parts: Uint8Array[] = [this.#bytes.subarray(0, HEADER_BYTES)];
    for (const section of sections) {
      const written = content(section);
      if (written !== null)
        parts.push(Uint8Array.from([section.id, ...writeNumber(written.length)]), written);
    }
    const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
    let at = 0;
    for (const part of parts) {
      whole.set(part, at);
      at += part.length;
    }
    return whole;
  }
}

/** LEB128, unsigned. */
export function writeNumber(value: number): readonly number[] {
  const bytes: number[] = [];
  let left = value;
  do {
    bytes.push((left & 0x7f) | (left > 0x7f ? 0x80 : 0));
    left >>>= 7;
  } while (left > 0);
  return bytes;
}

/** LEB128, signed, of 32 bits or 64. */
export function writeSignedNumber(value: bigint): readonly number[] {
  const bytes: number[] = [];
  for (let left = value; ;) {
    const byte = Number(left & 0x7fn);
    left >>= 7n;
    const isLast = (left === 0n && (byte & 0x40) === 0) || (left === -1n && (byte & 0x40) !== 0);
    bytes.push(isLast ? byte : byte | 0x80);
    if (isLast) return bytes;
  }
}

/** A name: its length, and its bytes. */
export function writeText(text: string): readonly number[] {
  const bytes = new TextEncoder().encode(text);
  return [...writeNumber(bytes.length), ...bytes];
}
