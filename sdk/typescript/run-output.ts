import { Buffer } from "node:buffer";

import { encodeFrame, LOG, PAYLOAD_MAX_BYTES, RECORDS } from "./frames.ts";
import type { GuestStream } from "./frames.ts";
import { RecordEncoder } from "./records.ts";

const BATCH_LENGTH = 64 * 1024;
const BATCH_MS = 1000;
/** A UTF-16 code unit takes at most this many bytes of UTF-8. */
const BYTES_PER_UNIT = 3;

type Send = (kind: number, payload: string) => void | Promise<void>;

/** Gathers records into frames and sends what a run has to say. */
export class RunOutput {
  readonly #send: Send;
  readonly run: number;
  count = 0;
  #batch = "";
  #sentAtMs = performance.now();
  readonly #encoder = new RecordEncoder();

  /** @param send in place of frames on the stream, which may be null then */
  constructor(stream: GuestStream | null, run: number, send?: Send) {
    this.#send = send ?? ((kind, payload) => stream?.write(encodeFrame(kind, run, payload)));
    this.run = run;
  }

  /** A promise when the host has to catch up first. @throws TypeError a record that has no JSON form */
  record(record: unknown): void | Promise<void> {
    return this.#add(this.#encode(() => this.#encoder.encode(record)));
  }

  /** Sends what is left, once the normalizer has given all. */
  async finish(): Promise<void> {
    for (const line of this.#encoder.finish()) {
      const sent = this.#add(this.#encode(() => line));
      if (sent !== undefined) await sent;
    }
    await this.flush();
  }

  #add(line: string): void | Promise<void> {
    let sent: void | Promise<void> = undefined;
    if ((this.#batch.length + line.length) * BYTES_PER_UNIT >= PAYLOAD_MAX_BYTES) sent = this.flush();
    this.count += 1;
    this.#batch += line;
    const late = performance.now() - this.#sentAtMs >= BATCH_MS;
    return this.#batch.length >= BATCH_LENGTH || late ? this.flush() : sent;
  }

  flush(): void | Promise<void> {
    this.#sentAtMs = performance.now();
    if (this.#batch === "") return;
    const batch = this.#batch;
    this.#batch = "";
    return this.send(RECORDS, batch);
  }

  log(level: string, message: string): void {
    void this.send(LOG, `${JSON.stringify({ level, message })}\n`);
  }

  send(kind: number, payload: string): void | Promise<void> {
    return this.#send(kind, payload);
  }

  #encode(write: () => string): string {
    let text: string;
    try {
      text = write();
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new TypeError(`record ${this.count} cannot be written as JSON: ${reason}`, { cause: error });
    }
    if (text.length * BYTES_PER_UNIT >= PAYLOAD_MAX_BYTES && Buffer.byteLength(text) >= PAYLOAD_MAX_BYTES) {
      throw new RangeError(`record ${this.count} does not fit into a frame of ${PAYLOAD_MAX_BYTES} bytes`);
    }
    return `${text}\n`;
  }
}
