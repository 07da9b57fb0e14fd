import { MESSAGE, WINDOW_BYTES, number32, send } from "./channel.ts";
import type { EndedMessage } from "./channel.ts";
import type { RunMessage } from "./thread-messages.ts";
import type { Thread, ThreadListener } from "./thread.ts";

const PIECE_BYTES = 32 * 1024;
const LAST_WORDS_CHARS = 2048;
/** What allocators of Rust, Go, C and Python say when memory cannot grow: WebAssembly itself does not tell. */
const SAYS_OUT_OF_MEMORY = /memory allocation of \d+ bytes failed|\bout of memory\b|^MemoryError/mu;

/** One instance: its thread's rings on one side, the driver on the other. */
export class Instance {
  readonly #number: number;
  readonly #thread: Thread;
  readonly #onEnded: () => void;
  #outputLeft = WINDOW_BYTES;
  #errorsLeft = WINDOW_BYTES;
  /** Written to its input, and not reported as taken. */
  #inputBytes = 0;
  #lastWords = "";

  constructor(number: number, thread: Thread, onEnded: () => void) {
    this.#number = number;
    this.#thread = thread;
    this.#onEnded = onEnded;
  }

  start(message: RunMessage, onSnapshot: ThreadListener["onSnapshot"]): void {
    this.#thread.run(message, {
      onSnapshot,
      onWake: () => {
        this.#pass();
      },
      onEnded: (ended) => {
        this.#end(ended);
      },
    });
  }

  write(bytes: Uint8Array): void {
    this.#inputBytes += bytes.length;
    // The driver keeps to the window, which is what the ring holds.
    if (this.#thread.input.write(bytes) < bytes.length) throw new Error("more input than was asked for");
  }

  endInput(): void {
    this.#thread.input.end();
  }

  /** The driver read so much; it may be sent more. */
  hasRead(output: number, errors: number): void {
    this.#outputLeft += output;
    this.#errorsLeft += errors;
    this.#pass();
  }

  kill(): void {
    this.#thread.kill();
  }

  usage(): ReturnType<Thread["usage"]> {
    return this.#thread.usage();
  }

  #pass(): void {
    this.#outputLeft -= this.#sendOutput(this.#outputLeft);
    this.#errorsLeft -= this.#sendErrors(this.#errorsLeft);
    const taken = this.#inputBytes - this.#thread.input.length;
    if (taken === 0 || (taken < PIECE_BYTES && this.#thread.input.length > 0)) return;
    this.#inputBytes -= taken;
    send(process.stdout, MESSAGE.taken, this.#number, number32(taken));
  }

  /** Whatever was asked for: what is left is no more than a ring holds. */
  #end(ended: EndedMessage): void {
    this.#sendOutput(Infinity);
    this.#sendErrors(Infinity);
    const failed = ended.exitCode !== 0;
    const outOfMemory = ended.outOfMemory || (failed && SAYS_OUT_OF_MEMORY.test(this.#lastWords));
    send(process.stdout, MESSAGE.ended, this.#number, Buffer.from(JSON.stringify({ ...ended, outOfMemory })));
    this.#onEnded();
  }

  #sendOutput(most: number): number {
    return drain(this.#thread.output, most, (piece) => {
      send(process.stdout, MESSAGE.output, this.#number, piece);
    });
  }

  #sendErrors(most: number): number {
    return drain(this.#thread.errors, most, (piece) => {
      this.#lastWords = (this.#lastWords + piece.toString("latin1")).slice(-LAST_WORDS_CHARS);
      send(process.stdout, MESSAGE.errors, this.#number, piece);
    });
  }
}

function drain(ring: Thread["output"], most: number, take: (piece: Buffer) => void): number {
  let bytes = 0;
  while (bytes < most && ring.length > 0) {
    const piece = Buffer.allocUnsafe(Math.min(ring.length, most - bytes, PIECE_BYTES));
    const count = ring.read(piece);
    take(piece.subarray(0, count));
    bytes += count;
  }
  return bytes;
}
