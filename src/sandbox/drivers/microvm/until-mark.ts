import { Duplex } from "node:stream";

/** How much may lie in it unread. */
const HIGH_WATER_BYTES = 1024 * 1024;
/** And once the guest has ended, which leaves no more than its machine's pipes and devices hold. */
const ALL_BYTES = 64 * HIGH_WATER_BYTES;

/**
 * What a guest printed on a device that has no end, up to a mark that only the machine's init knows. `marked` resolves
 * when that has come.
 */
export class UntilMark extends Duplex {
  readonly marked: Promise<void>;
  receivedBytes = 0;
  isMarked = false;
  readonly #mark: Buffer;
  /** The beginning of a mark, perhaps. */
  #held = Buffer.alloc(0);
  #takesAll = false;
  /** Whoever writes waits for whoever reads. */
  #goOn: (() => void) | null = null;
  #resolve: () => void = () => {};

  constructor(mark: string) {
    super({ highWaterMark: HIGH_WATER_BYTES });
    this.#mark = Buffer.from(mark);
    this.marked = new Promise((resolve) => {
      this.#resolve = resolve;
    });
    this.on("error", () => {});
  }

  /** From now on it does not wait for whoever reads. */
  takeAll(): void {
    this.#takesAll = true;
    this._read();
  }

  override _read(): void {
    const goOn = this.#goOn;
    this.#goOn = null;
    goOn?.();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: () => void): void {
    this.receivedBytes += chunk.length;
    if (this.#take(chunk) || (this.#takesAll && this.readableLength < ALL_BYTES)) callback();
    else this.#goOn = callback;
  }

  override _final(callback: () => void): void {
    if (!this.isMarked) {
      if (this.#held.length > 0) this.push(this.#held);
      this.push(null);
    }
    callback();
  }

  /** @returns whether there is room for more */
  #take(chunk: Buffer): boolean {
    if (this.isMarked) return true;
    const bytes = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    const at = bytes.indexOf(this.#mark);
    if (at >= 0) {
      this.isMarked = true;
      this.#held = Buffer.alloc(0);
      if (at > 0) this.push(bytes.subarray(0, at));
      this.push(null);
      this.#resolve();
      return true;
    }
    const kept = heldBack(bytes, this.#mark);
    this.#held = Buffer.from(bytes.subarray(bytes.length - kept));
    return kept === bytes.length || this.push(bytes.subarray(0, bytes.length - kept));
  }
}

/** How many bytes at the end may be the beginning of the mark. */
function heldBack(bytes: Buffer, mark: Buffer): number {
  for (let length = Math.min(mark.length - 1, bytes.length); length > 0; length -= 1) {
    if (bytes.subarray(bytes.length - length).equals(mark.subarray(0, length))) return length;
  }
  return 0;
}
