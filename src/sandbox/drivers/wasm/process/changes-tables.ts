/**
 * Whether the code of a module, the content of that section, may change what tables hold: it has an instruction that does,
 * or something that is not known here. Of a module that V8 takes the answer is right; others may be anything.
 * https://webassembly.github.io/spec/core/binary/instructions.html
 * @throws RangeError it ends too early
 */
export function mayChangeTables(code: Uint8Array): boolean {
  const reader = new CodeReader(code);
  for (let left = reader.number(); left > 0; left -= 1) {
    const length = reader.number();
    const end = reader.at + length;
    for (let groups = reader.number(); groups > 0; groups -= 1) {
      reader.skipNumbers(1);
      if (!reader.isPlainType()) return true;
    }
    while (reader.at < end) if (!reader.skipInstruction()) return true;
    if (reader.at !== end) return true;
  }
  return reader.at !== code.length;
}

/** What follows an instruction, by its first byte: so many numbers, or one of these. */
const UNKNOWN = 9;
const BLOCK = 10;
const ADDRESS = 11;
const TARGETS = 12;
const MISCELLANEOUS = 13;
const REFERENCE = 14;
const FOUR_BYTES = 15;
const EIGHT_BYTES = 16;
const FOLLOWED_BY = table(256, [
  // unreachable, nop; else; end; return; drop, select; comparisons and arithmetic; ref.is_null
  [0, [0x00, 0x01], [0x05], [0x0b], [0x0f], [0x1a, 0x1b], [0x45, 0xc4], [0xd1]],
  // br, br_if; call; return_call; variables and table.get; memory.size and grow, i32 and i64; ref.func
  [1, [0x0c, 0x0d], [0x10], [0x12], [0x20, 0x25], [0x3f, 0x42], [0xd2]],
  // call_indirect; return_call_indirect
  [2, [0x11], [0x13]],
  [BLOCK, [0x02, 0x04]],
  [ADDRESS, [0x28, 0x3e]],
  [TARGETS, [0x0e]],
  [MISCELLANEOUS, [0xfc]],
  [REFERENCE, [0xd0]],
  [FOUR_BYTES, [0x43]],
  [EIGHT_BYTES, [0x44]],
]);
/** Behind 0xfc: conversions; data.drop, memory.fill, table.size; memory.init, memory.copy. */
const MISCELLANEOUS_FOLLOWED_BY = table(32, [
  [0, [0, 7]],
  [1, [9], [11], [16]],
  [2, [8], [10]],
]);
/** Types are these bytes, if they are no references to a module's own types: those are longer. */
const LEAST_PLAIN_TYPE = 0x6f;
const MOST_PLAIN_TYPE = 0x7f;
const NO_TYPE = 0x40;
/** A number whose last byte has it is negative; behind an alignment it is said which memory is meant. */
const SIGN = 0x40;
const MORE = 0x80;

function table(
  size: number,
  rows: readonly (readonly [what: number, ...codes: (readonly [first: number, last?: number])[]])[],
): Uint8Array {
  const all = new Uint8Array(size).fill(UNKNOWN);
  for (const [what, ...codes] of rows)
    for (const [first, last = first] of codes) all.fill(what, first, last + 1);
  return all;
}

class CodeReader {
  readonly #bytes: Uint8Array;
  at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  byte(): number {
    const byte = this.#bytes[this.at];
    if (byte === undefined) throw new RangeError("the code ends too early");
    this.at += 1;
    return byte;
  }

  number(): number {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = this.byte();
      value |= (byte & 0x7f) << shift;
      if ((byte & MORE) === 0) return value >>> 0;
    }
  }

  skipNumbers(count: number): void {
    for (let left = count; left > 0; left -= 1) while ((this.byte() & MORE) !== 0);
  }

  isPlainType(): boolean {
    const byte = this.byte();
    return byte >= LEAST_PLAIN_TYPE && byte <= MOST_PLAIN_TYPE;
  }

  /** False: it changes a table, or is not known. */
  skipInstruction(): boolean {
    const follows = FOLLOWED_BY[this.byte()] ?? UNKNOWN;
    switch (follows) {
      case BLOCK:
        return this.#skipBlockType();
      case ADDRESS:
        if ((this.number() & SIGN) !== 0) return false;
        this.skipNumbers(1);
        return true;
      case TARGETS:
        this.skipNumbers(this.number() + 1);
        return true;
      case MISCELLANEOUS: {
        const more = MISCELLANEOUS_FOLLOWED_BY[this.number()] ?? UNKNOWN;
        if (more === UNKNOWN) return false;
        this.skipNumbers(more);
        return true;
      }
      case REFERENCE:
        return this.isPlainType();
      case FOUR_BYTES:
        this.at += 4;
        return true;
      case EIGHT_BYTES:
        this.at += 8;
        return true;
      case UNKNOWN:
        return false;
      default:
        this.skipNumbers(follows);
        return true;
    }
  }

  /** None, a plain type, or the number of one of the module's own, which is not negative. */
  #skipBlockType(): boolean {
    const first = this.byte();
    if ((first & MORE) === 0)
      return first <= NO_TYPE || (first >= LEAST_PLAIN_TYPE && first <= MOST_PLAIN_TYPE);
    let last = first;
    while ((last & MORE) !== 0) last = this.byte();
    return (last & SIGN) === 0;
  }
}
