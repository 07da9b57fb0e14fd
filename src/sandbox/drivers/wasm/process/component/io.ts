import { ComponentError } from "./component-error.ts";
import type { Interface } from "./component-error.ts";
import { OURS, Resource } from "./resource.ts";

const PIECE_MAX_BYTES = 1024 * 1024;
/** What `check-write` allows at once. */
const WRITE_MAX_BYTES = 1024n * 1024n;
const CLOSED = { tag: "closed" };
const NS_PER_MS = 1_000_000n;
/** Nobody notifies it. */
const NEVER = new Int32Array(new SharedArrayBuffer(4));

/** What a stream reads from: bytes from where it stands, none at the end. */
export type Source = (length: number) => Uint8Array;
export type Target = (bytes: Uint8Array) => void;

class StreamError extends Resource {
  readonly #text: string;

  constructor(key: unknown, text: string) {
    super(key);
    this.#text = text;
  }

  toDebugString(): string {
    return this.#text;
  }
}

/** Ready at a time of the monotonic clock. Streams always are: reading and writing wait by themselves. */
export class Pollable extends Resource {
  readonly #dueNs: bigint;

  constructor(key: unknown, dueNs = 0n) {
    super(key);
    this.#dueNs = dueNs;
  }

  get dueNs(): bigint {
    return this.#dueNs;
  }

  ready(): boolean {
    return this.#dueNs <= process.hrtime.bigint();
  }

  block(): void {
    waitUntil(this.#dueNs);
  }
}

export class InputStream extends Resource {
  readonly #source: Source;
  readonly #onClose: () => void;

  constructor(key: unknown, source: Source, onClose: () => void = () => {}) {
    super(key);
    this.#source = source;
    this.#onClose = onClose;
  }

  read(length: bigint): Uint8Array {
    const wanted = length > PIECE_MAX_BYTES ? PIECE_MAX_BYTES : Number(length);
    if (wanted === 0) return new Uint8Array();
    const bytes = asStreamError(() => this.#source(wanted));
    if (bytes.length === 0) throw new ComponentError(CLOSED);
    return bytes;
  }

  blockingRead(length: bigint): Uint8Array {
    return this.read(length);
  }

  skip(length: bigint): bigint {
    return BigInt(this.read(length).length);
  }

  blockingSkip(length: bigint): bigint {
    return this.skip(length);
  }

  subscribe(): Pollable {
    return new Pollable(OURS);
  }

  [Symbol.dispose](): void {
    this.#onClose();
  }
}

export class OutputStream extends Resource {
  readonly #target: Target;
  readonly #onClose: () => void;

  constructor(key: unknown, target: Target, onClose: () => void = () => {}) {
    super(key);
    this.#target = target;
    this.#onClose = onClose;
  }

  checkWrite(): bigint {
    return WRITE_MAX_BYTES;
  }

  write(bytes: Uint8Array): void {
    asStreamError(() => {
      this.#target(bytes);
    });
  }

  blockingWriteAndFlush(bytes: Uint8Array): void {
    this.write(bytes);
  }

  flush(): void {}

  blockingFlush(): void {}

  writeZeroes(length: bigint): void {
    if (length > WRITE_MAX_BYTES) throw new Error("more zeroes than check-write allowed");
    this.write(new Uint8Array(Number(length)));
  }

  blockingWriteZeroesAndFlush(length: bigint): void {
    this.writeZeroes(length);
  }

  splice(from: InputStream, length: bigint): bigint {
    const bytes = from.read(length);
    this.write(bytes);
    return BigInt(bytes.length);
  }

  blockingSplice(from: InputStream, length: bigint): bigint {
    return this.splice(from, length);
  }

  subscribe(): Pollable {
    return new Pollable(OURS);
  }

  [Symbol.dispose](): void {
    this.#onClose();
  }
}

/** `wasi:io`. */
export function ioInterfaces(): Readonly<Record<string, Interface>> {
  return {
    "wasi:io/error": { Error: StreamError },
    "wasi:io/poll": { Pollable, poll },
    "wasi:io/streams": { InputStream, OutputStream },
  };
}

/** Indexes of those that are ready, once one is. */
function poll(pollables: readonly Pollable[]): Uint32Array {
  if (pollables.length === 0) throw new Error("poll of nothing");
  const first = pollables.reduce((least, { dueNs }) => (dueNs < least ? dueNs : least), 1n << 64n);
  waitUntil(first);
  return Uint32Array.from(pollables.flatMap((one, index) => (one.ready() ? [index] : [])));
}

function waitUntil(dueNs: bigint): void {
  for (;;) {
    const leftNs = dueNs - process.hrtime.bigint();
    if (leftNs <= 0n) return;
    Atomics.wait(NEVER, 0, 0, Number(leftNs / NS_PER_MS) + 1);
  }
}

/** A file that cannot be read or written is an error of its stream. */
function asStreamError<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof ComponentError)) throw error;
    throw new ComponentError({
      tag: "last-operation-failed",
      val: new StreamError(OURS, String(error.payload)),
    });
  }
}
