import { PassThrough } from "node:stream";

/** How much may lie in it unread. */
const HIGH_WATER_BYTES = 1024 * 1024;

/**
 * What a guest printed on a device that has no end, up to a mark that only the machine's init knows. `ended` resolves
 * when the mark has come.
 */
export class UntilMark extends PassThrough {
  readonly marked: Promise<void>;
  receivedBytes = 0;
  readonly #mark: Buffer;
  /** The beginning of a mark, perhaps. */
  #held = Buffer.alloc(0);
  #isOver = false;
  #resolve: () => void = () => {};

  constructor(mark: string) {
    super({ highWaterMark: HIGH_WATER_BYTES });
    this.#mark = Buffer.from(mark);
    this.marked = new Promise((resolve) => {
      this.#resolve = resolve;
    });
    this.on("error", () => {});
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, callback: () => void): void {
    this.receivedBytes += chunk.length;
    if (this.#isOver) {
      callback();
      return;
    }
    const bytes = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    const at = bytes.indexOf(this.#mark);
    if (at >= 0) {
      this.#isOver = true;
      this.#held = Buffer.alloc(0);
      if (at > 0) this.push(bytes.subarray(0, at));
      this.push(null);
      this.#resolve();
      callback();
      return;
    }
    const kept = heldBack(bytes, this.#mark);
    this.#held = Buffer.from(bytes.subarray(bytes.length - kept));
    if (kept < bytes.length) this.push(bytes.subarray(0, bytes.length - kept));
    callback();
  }

  override _flush(callback: () => void): void {
    if (!this.#isOver && this.#held.length > 0) this.push(this.#held);
    callback();
  }
}

/** How many bytes at the end may be the beginning of the mark. */
function heldBack(bytes: Buffer, mark: Buffer): number {
  for (let length = Math.min(mark.length - 1, bytes.length); length > 0; length -= 1) {
    if (bytes.subarray(bytes.length - length).equals(mark.subarray(0, length))) return length;
  }
  return 0;
}
