import { Buffer } from "node:buffer";

import { splitPlain } from "./split-plain.ts";

/** Where the JSON text of one record lies. */
export interface RecordText {
  readonly buffer: Buffer;
  readonly start: number;
  readonly end: number;
}

const NEWLINE = 0x0a;
const NOTHING = Buffer.alloc(0);

/** The output of one run as it came, cut into the texts of its records when they are read. */
export class RecordTexts {
  readonly #frames: Buffer[] = [];
  #plain: readonly RecordText[] = [];
  #count = 0;
  #bytes = 0;

  get count(): number {
    return this.#count;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Whole lines of JSON Lines; the last may lack its line feed. */
  addLines(lines: Buffer): void {
    this.#frames.push(lines);
    this.#bytes += lines.length;
    this.#count += countLines(lines);
  }

  /** All that a program of the plain form printed. Returns the number of its records. */
  addPlain(output: Buffer): number {
    this.#plain = splitPlain(output);
    this.#bytes += output.length;
    this.#count += this.#plain.length;
    return this.#plain.length;
  }

  /** Once: what has been read is let go. */
  *[Symbol.iterator](): Generator<RecordText, void> {
    for (const [index, buffer] of this.#frames.entries()) {
      this.#frames[index] = NOTHING;
      for (let start = 0; start < buffer.length;) {
        const at = buffer.indexOf(NEWLINE, start);
        const end = at < 0 ? buffer.length : at;
        yield { buffer, start, end };
        start = end + 1;
      }
    }
    const plain = this.#plain;
    this.#plain = [];
    yield* plain;
  }
}

/** As the guest link counts them. */
function countLines(lines: Buffer): number {
  let count = lines.length === 0 || lines.at(-1) === NEWLINE ? 0 : 1;
  for (let at = lines.indexOf(NEWLINE); at >= 0; at = lines.indexOf(NEWLINE, at + 1)) count += 1;
  return count;
}
