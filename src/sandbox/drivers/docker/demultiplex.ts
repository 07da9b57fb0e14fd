import { Readable } from "node:stream";

/** Stream types of the engine's frames. */
const STDOUT = 1;
const STDERR = 2;
const HEADER_BYTES = 8;

export interface Demultiplexed {
  readonly output: Readable;
  readonly errors: Readable;
}

/**
 * Takes apart what the engine sends of a container without a terminal: frames of a stream's type, three zero bytes,
 * a length of 32 bits, and so many bytes (Engine API, "Attach to a container"). While nobody reads one of the two
 * streams neither gets more: the connection then fills up, and at its other end the guest waits.
 */
export function demultiplex(source: Readable): Demultiplexed {
  /** Hold as much as they should, until they are read. */
  const full = new Set<Readable>();
  const wantMore = (stream: Readable): void => {
    full.delete(stream);
    if (full.size === 0) source.resume();
  };
  const output = readableOf(wantMore);
  const errors = readableOf(wantMore);
  const frames = new FrameReader((type, payload) => {
    const stream = type === STDERR ? errors : output;
    if (stream.push(payload)) return;
    full.add(stream);
    source.pause();
  });
  const end = (): void => {
    for (const stream of [output, errors]) if (!stream.readableEnded) stream.push(null);
  };
  let over = false;
  const finish = (): void => {
    if (over) return;
    over = true;
    end();
  };
  source.on("data", (chunk: Buffer) => {
    if (!frames.push(chunk)) source.destroy(new Error("the engine sent a frame of no known stream"));
  });
  source.once("end", finish);
  source.once("close", finish);
  source.once("error", finish);
  // A container may end before the engine has said that it was started.
  if (source.readableEnded || source.destroyed) finish();
  return { output, errors };
}

function readableOf(wantMore: (stream: Readable) => void): Readable {
  return new Readable({
    read() {
      wantMore(this);
    },
  });
}

/** Payloads are passed on as they come: a frame may be larger than what should be held. */
class FrameReader {
  readonly #onPayload: (type: number, payload: Buffer) => void;
  #header = Buffer.alloc(0);
  #type = 0;
  #missing = 0;

  constructor(onPayload: (type: number, payload: Buffer) => void) {
    this.#onPayload = onPayload;
  }

  /** False: this is no such stream. */
  push(chunk: Buffer): boolean {
    let rest = chunk;
    while (rest.length > 0) {
      if (this.#missing > 0) {
        const payload = rest.subarray(0, this.#missing);
        rest = rest.subarray(payload.length);
        this.#missing -= payload.length;
        this.#onPayload(this.#type, payload);
        continue;
      }
      const wanted = HEADER_BYTES - this.#header.length;
      this.#header = Buffer.concat([this.#header, rest.subarray(0, wanted)]);
      rest = rest.subarray(wanted);
      if (this.#header.length < HEADER_BYTES) break;
      this.#type = this.#header[0] ?? 0;
      this.#missing = this.#header.readUInt32BE(4);
      this.#header = Buffer.alloc(0);
      if (this.#type !== STDOUT && this.#type !== STDERR) return false;
    }
    return true;
  }
}
