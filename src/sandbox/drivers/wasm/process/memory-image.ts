import { randomUUID } from "node:crypto";

const PAGE_BYTES = 4096;
const WASM_PAGE_BYTES = 65_536;
/** More is not worth keeping: filling it takes longer than most languages take to start. */
const IMAGE_MAX_PAGES = 32_768;

/** What memory holds before anything ran in it, or once a language had started: the pages that are not zero. */
export interface MemoryImage {
  /** Equal ones are equal. */
  readonly id: string;
  /** The pages, one after another; shared between threads. */
  readonly bytes: SharedArrayBuffer;
  /** Where they belong: first page and number of pages, in turn. */
  readonly runs: readonly number[];
  /** How large the memory is, in pages of WebAssembly. */
  readonly wasmPages: number;
}

/** Collects what is written where. */
export class ImageBuilder {
  readonly #pages = new Map<number, Uint8Array>();

  /** False: it is too much for an image. */
  write(at: number, bytes: Uint8Array): boolean {
    for (let done = 0; done < bytes.length;) {
      const number = Math.floor((at + done) / PAGE_BYTES);
      const inPage = (at + done) % PAGE_BYTES;
      const part = bytes.subarray(done, done + PAGE_BYTES - inPage);
      let page = this.#pages.get(number);
      if (page === undefined) {
        if (this.#pages.size === IMAGE_MAX_PAGES) return false;
        page = new Uint8Array(PAGE_BYTES);
        this.#pages.set(number, page);
      }
      page.set(part, inPage);
      done += part.length;
    }
    return true;
  }

  finish(wasmPages: number): MemoryImage {
    const numbers = [...this.#pages.keys()].toSorted((a, b) => a - b);
    const bytes = new SharedArrayBuffer(numbers.length * PAGE_BYTES);
    const target = new Uint8Array(bytes);
    const runs: number[] = [];
    for (const [index, number] of numbers.entries()) {
      target.set(this.#pages.get(number) ?? [], index * PAGE_BYTES);
      if (index > 0 && numbers[index - 1] === number - 1) runs[runs.length - 1] = (runs.at(-1) ?? 0) + 1;
      else runs.push(number, 1);
    }
    return { id: randomUUID(), bytes, runs, wasmPages };
  }
}

/** Null: too much of it is not zero. */
export function takeImage(memory: WebAssembly.Memory): MemoryImage | null {
  const words = new BigUint64Array(memory.buffer);
  const bytes = new Uint8Array(memory.buffer);
  const wordsPerPage = PAGE_BYTES / 8;
  const builder = new ImageBuilder();
  for (let page = 0; page < bytes.length / PAGE_BYTES; page += 1) {
    const from = page * wordsPerPage;
    if (words.subarray(from, from + wordsPerPage).every((word) => word === 0n)) continue;
    if (!builder.write(page * PAGE_BYTES, bytes.subarray(page * PAGE_BYTES, (page + 1) * PAGE_BYTES)))
      return null;
  }
  return builder.finish(bytes.length / WASM_PAGE_BYTES);
}

/** Fills a new memory, which is all zero: what is not touched is not mapped. It is as large as the image's. */
export function fillMemory(memory: WebAssembly.Memory, { bytes, runs }: MemoryImage): void {
  const target = new Uint8Array(memory.buffer);
  let done = 0;
  for (const { from, length } of rangesOf(runs)) {
    target.set(new Uint8Array(bytes, done, length), from);
    done += length;
  }
}

/**
 * Makes all of a memory what the image says, whatever it holds. It is as large as the image's. What is right already is
 * compared and not written: that is faster, and what no guest touched stays unmapped.
 */
export function overwriteMemory(memory: WebAssembly.Memory, image: MemoryImage): void {
  const target = Buffer.from(memory.buffer);
  const source = new Uint8Array(image.bytes);
  let [at, done] = [0, 0];
  for (const { from, length } of rangesOf(image.runs)) {
    clear(target, at, from);
    copy(source, done, target, from, length);
    at = from + length;
    done += length;
  }
  clear(target, at, target.length);
}

/** At once. A smaller piece is less to write, and one more call. */
const PIECE_BYTES = 4 * PAGE_BYTES;
const ZEROS = new Uint8Array(PIECE_BYTES);

function clear(target: Buffer, from: number, to: number): void {
  for (let at = from; at < to; at += PIECE_BYTES) {
    const end = Math.min(at + PIECE_BYTES, to);
    if (target.compare(ZEROS, 0, end - at, at, end) !== 0) target.fill(0, at, end);
  }
}

function copy(source: Uint8Array, from: number, target: Buffer, to: number, length: number): void {
  for (let at = 0; at < length; at += PIECE_BYTES) {
    const end = Math.min(at + PIECE_BYTES, length);
    if (target.compare(source, from + at, from + end, to + at, to + end) !== 0)
      target.set(source.subarray(from + at, from + end), to + at);
  }
}

function* rangesOf(runs: MemoryImage["runs"]): Generator<{ readonly from: number; readonly length: number }> {
  for (let index = 0; index < runs.length; index += 2) {
    const [first = 0, count = 0] = [runs[index], runs[index + 1]];
    yield { from: first * PAGE_BYTES, length: count * PAGE_BYTES };
  }
}

export function imageSize({ wasmPages }: MemoryImage): number {
  return wasmPages * WASM_PAGE_BYTES;
}
