/**
 * What the driver and the process with a package's instances say to each other: length, kind, instance, payload.
 * Both sides run this file; it imports nothing of ours, since it is all that the process sees.
 */
import type { Writable } from "node:stream";

/** Kinds of messages. */
export const MESSAGE = {
  /** To the process: JSON `OpenMessage`. */
  open: 1,
  /** To the process: the next bytes of the instance's standard input. */
  input: 2,
  inputEnd: 3,
  kill: 4,
  /** To the process: `u32` bytes of standard output, then of standard error, that were read. */
  read: 5,
  /** To the process, without payload; from it, JSON `UsageMessage`. */
  usage: 6,
  /** From the process, instance 0: JSON `LoadedMessage`. Once, before all else. */
  loaded: 16,
  output: 17,
  errors: 18,
  /** From the process: `u32` bytes of standard input that the instance took. */
  taken: 19,
  /** From the process: JSON `EndedMessage`. Nothing of that instance comes after it. */
  ended: 20,
} as const;

export type MessageKind = (typeof MESSAGE)[keyof typeof MESSAGE];

export interface Message {
  readonly kind: number;
  readonly instance: number;
  readonly payload: Buffer;
}

export interface OpenMessage {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Placed in /whiskers/ by name; base64. */
  readonly files: readonly { readonly name: string; readonly content: string }[];
}

export interface LoadedMessage {
  /** Why no instance can be made of the module; null: it was compiled. */
  readonly trouble: string | null;
}

export interface UsageMessage {
  readonly cpuMs: number;
  readonly memoryBytes: number;
}

export interface EndedMessage extends UsageMessage {
  readonly exitCode: number | null;
  readonly signal: string | null;
  readonly outOfMemory: boolean;
}

/** Bytes of one stream of one instance that may be under way, unread. */
export const WINDOW_BYTES = 128 * 1024;
const HEADER_BYTES = 9;
/** An instance's files come in one message. */
const PAYLOAD_MAX_BYTES = 64 * 1024 * 1024;

/** One write for small messages: each costs a system call and wakes the other side. */
export function send(
  stream: Writable,
  kind: MessageKind,
  instance: number,
  payload: Uint8Array = Buffer.alloc(0),
): void {
  const message = Buffer.allocUnsafe(HEADER_BYTES + payload.length);
  message.writeUInt32BE(payload.length, 0);
  message.writeUInt8(kind, 4);
  message.writeUInt32BE(instance, 5);
  message.set(payload, HEADER_BYTES);
  stream.write(message);
}

export function number32(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(4 * values.length);
  for (const [index, value] of values.entries()) bytes.writeUInt32BE(value, 4 * index);
  return bytes;
}

/** Cuts a stream of bytes into messages. */
export class MessageReader {
  readonly #payloadMaxBytes: number;
  #rest: Buffer = Buffer.alloc(0);

  constructor(payloadMaxBytes = PAYLOAD_MAX_BYTES) {
    this.#payloadMaxBytes = payloadMaxBytes;
  }

  /** @throws Error a message is longer than any may be */
  *read(chunk: Buffer): Generator<Message> {
    let bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    while (bytes.length >= HEADER_BYTES) {
      const length = bytes.readUInt32BE(0);
      if (length > this.#payloadMaxBytes) throw new Error(`a message of ${length} bytes`);
      if (bytes.length < HEADER_BYTES + length) break;
      const payload = bytes.subarray(HEADER_BYTES, HEADER_BYTES + length);
      yield { kind: bytes.readUInt8(4), instance: bytes.readUInt32BE(5), payload };
      bytes = bytes.subarray(HEADER_BYTES + length);
    }
    this.#rest = bytes;
  }
}
