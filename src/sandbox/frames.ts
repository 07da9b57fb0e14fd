import { Buffer } from "node:buffer";

/** Kinds of frames, protocol/README.md "Frames". */
export const FRAME = {
  run: 0x01,
  raw: 0x02,
  debugIn: 0x04,
  ready: 0x10,
  records: 0x11,
  log: 0x12,
  done: 0x13,
  failed: 0x14,
  debugOut: 0x16,
} as const;

export type FrameKind = (typeof FRAME)[keyof typeof FRAME];

export interface Frame {
  readonly kind: FrameKind;
  /** Number of the run that it belongs to; 0 in `ready`. */
  readonly run: number;
  /** May share memory with the chunk that it came in. */
  readonly payload: Buffer;
}

export const FRAME_HEADER_BYTES = 9;
/** The largest payload that the protocol allows, bytes. */
export const FRAME_PAYLOAD_MAX_BYTES = 16 * 1024 * 1024;
const RUN_MAX = 0xffff_ffff;

/** A stream that is not one of frames. The guest link ends the run with `protocol-violation`. */
export class FrameError extends Error {
  readonly reason: "oversized" | "unknown-kind" | "truncated";

  constructor(reason: FrameError["reason"], message: string) {
    super(message);
    this.name = "FrameError";
    this.reason = reason;
  }
}

/**
 * One frame as buffers to be written in this order. The payload is not copied.
 * @throws RangeError the payload is too long or the run number is no unsigned 32-bit number
 */
export function encodeFrame(kind: FrameKind, run: number, payload: Uint8Array): readonly Uint8Array[] {
  if (payload.length > FRAME_PAYLOAD_MAX_BYTES) {
    throw new RangeError(`a payload of ${payload.length} bytes does not fit into a frame`);
  }
  if (!Number.isInteger(run) || run < 0 || run > RUN_MAX) throw new RangeError(`run number ${run}`);
  const header = Buffer.allocUnsafe(FRAME_HEADER_BYTES);
  header.writeUInt32BE(payload.length, 0);
  header.writeUInt8(kind, 4);
  header.writeUInt32BE(run, 5);
  return payload.length === 0 ? [header] : [header, payload];
}

const KINDS_FROM: Readonly<Record<"guest" | "host", readonly FrameKind[]>> = {
  guest: [FRAME.ready, FRAME.records, FRAME.log, FRAME.done, FRAME.failed, FRAME.debugOut],
  host: [FRAME.run, FRAME.raw, FRAME.debugIn],
};

/**
 * Cuts a byte stream into frames.
 *
 * Holds at most one payload: its memory is reserved when its header has been checked (the kernel
 * gives the pages only as bytes arrive) and every byte is copied at most once. A payload that lies
 * whole in one chunk is not copied at all.
 */
export class FrameDecoder {
  readonly #kinds: readonly FrameKind[];
  readonly #maxPayloadBytes: number;
  readonly #header = Buffer.alloc(FRAME_HEADER_BYTES);
  #headerFilled = 0;
  #kind: FrameKind = FRAME.failed;
  #payload: Buffer | null = null;
  #payloadFilled = 0;
  #error: FrameError | null = null;

  /** `from`: who writes the stream, and so which kinds may be in it. */
  constructor(from: "guest" | "host", maxPayloadBytes = FRAME_PAYLOAD_MAX_BYTES) {
    this.#kinds = KINDS_FROM[from];
    this.#maxPayloadBytes = Math.min(maxPayloadBytes, FRAME_PAYLOAD_MAX_BYTES);
  }

  /**
   * The frames that `chunk` completes, in order. Consume all of them before the next `push`: what is
   * not consumed is lost.
   * @throws FrameError after the frames before the error; from then on at every call
   */
  *push(chunk: Buffer): Generator<Frame, void, undefined> {
    if (this.#error !== null) throw this.#error;
    let at = 0;
    while (at < chunk.length) {
      if (this.#headerFilled < FRAME_HEADER_BYTES) {
        const taken = chunk.copy(this.#header, this.#headerFilled, at);
        this.#headerFilled += taken;
        at += taken;
        // The length and kind are judged as soon as they are there, not when the header is complete.
        if (this.#headerFilled >= 5) this.#kind = this.#checkHeader();
        if (this.#headerFilled < FRAME_HEADER_BYTES) return;
        const length = this.#header.readUInt32BE(0);
        if (chunk.length - at >= length) {
          yield this.#finish(chunk.subarray(at, at + length));
          at += length;
          continue;
        }
        this.#payload = Buffer.allocUnsafeSlow(length);
        this.#payloadFilled = 0;
      } else if (this.#payload !== null) {
        const taken = chunk.copy(this.#payload, this.#payloadFilled, at);
        this.#payloadFilled += taken;
        at += taken;
        if (this.#payloadFilled === this.#payload.length) yield this.#finish(this.#payload);
      }
    }
  }

  /**
   * Call at the end of the stream.
   * @throws FrameError it ended inside a frame
   */
  end(): void {
    if (this.#error !== null) throw this.#error;
    if (this.#headerFilled > 0) throw this.#fail("truncated", "the stream ended inside a frame");
  }

  #finish(payload: Buffer): Frame {
    this.#headerFilled = 0;
    this.#payload = null;
    return { kind: this.#kind, run: this.#header.readUInt32BE(5), payload };
  }

  #checkHeader(): FrameKind {
    const length = this.#header.readUInt32BE(0);
    if (length > this.#maxPayloadBytes) {
      throw this.#fail(
        "oversized",
        `a frame of ${length} bytes; at most ${this.#maxPayloadBytes} are allowed`,
      );
    }
    const byte = this.#header.readUInt8(4);
    const kind = this.#kinds.find((known) => known === byte);
    if (kind === undefined) {
      throw this.#fail("unknown-kind", `a frame of kind 0x${byte.toString(16).padStart(2, "0")}`);
    }
    return kind;
  }

  #fail(reason: FrameError["reason"], message: string): FrameError {
    this.#error = new FrameError(reason, message);
    return this.#error;
  }
}
