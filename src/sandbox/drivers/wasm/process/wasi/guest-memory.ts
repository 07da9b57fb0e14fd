import { WasiError } from "./errno.ts";

/** More than any libc hands over at once. */
const VECTORS_MAX = 1024;
const PATH_MAX_BYTES = 4096;

/**
 * The guest's memory. Every address is the guest's word: one outside of it is a RangeError, which calls answer with
 * `fault`. Growing detaches the buffer, so it is looked up at each use.
 */
export class GuestMemory {
  readonly #memory: WebAssembly.Memory;
  #bytes = new Uint8Array();
  #view = new DataView(new ArrayBuffer(0));

  constructor(memory: WebAssembly.Memory) {
    this.#memory = memory;
  }

  get size(): number {
    return this.#memory.buffer.byteLength;
  }

  get view(): DataView {
    this.#refresh();
    return this.#view;
  }

  /** A window on `length` bytes at `at`: what is written to it, the guest sees. */
  bytes(at: number, length: number): Uint8Array {
    this.#refresh();
    const [start, size] = [at >>> 0, length >>> 0];
    if (start + size > this.#bytes.length) throw new WasiError("fault");
    return this.#bytes.subarray(start, start + size);
  }

  /** The buffers of an `iovec` array. */
  vectors(at: number, count: number): readonly Uint8Array[] {
    if (count >>> 0 > VECTORS_MAX) throw new WasiError("invalid");
    return Array.from({ length: count }, (_, index) => {
      const entry = (at >>> 0) + 8 * index;
      return this.bytes(this.view.getUint32(entry, true), this.view.getUint32(entry + 4, true));
    });
  }

  path(at: number, length: number): string {
    if (length >>> 0 > PATH_MAX_BYTES) throw new WasiError("nameTooLong");
    try {
      return new TextDecoder("utf-8", { fatal: true }).decode(this.bytes(at, length).slice());
    } catch (error) {
      throw error instanceof WasiError ? error : new WasiError("illegalBytes");
    }
  }

  set32(at: number, value: number): void {
    this.view.setUint32(at >>> 0, value, true);
  }

  set64(at: number, value: bigint): void {
    this.view.setBigUint64(at >>> 0, value, true);
  }

  #refresh(): void {
    const { buffer } = this.#memory;
    if (this.#view.buffer === buffer) return;
    this.#bytes = new Uint8Array(buffer);
    this.#view = new DataView(buffer);
  }
}
