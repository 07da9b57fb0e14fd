/** Indexes into a ring's state. */
const WRITTEN = 0;
const READ = 1;
const ENDED = 2;
/** Counts every change that the reader may wait for. */
const NEWS = 3;
/** Counts every change that the writer may wait for. */
const ROOM = 4;
const STATE_BYTES = 5 * 4;

/**
 * Bytes from one thread to another, in order, in shared memory: one side may wait for the other without giving its
 * thread back to the event loop, as WebAssembly that reads or writes has to.
 */
export class Ring {
  readonly shared: SharedArrayBuffer;
  readonly #state: Int32Array;
  readonly #bytes: Uint8Array;
  readonly #capacity: number;
  readonly #onChange: () => void;

  /** @param onChange called after each change that this side made: tells a side that does not wait */
  constructor(shared: SharedArrayBuffer, onChange: () => void = () => {}) {
    this.shared = shared;
    this.#onChange = onChange;
    this.#state = new Int32Array(shared, 0, STATE_BYTES / 4);
    this.#bytes = new Uint8Array(shared, STATE_BYTES);
    this.#capacity = this.#bytes.length;
  }

  static of(capacity: number): Ring {
    return new Ring(new SharedArrayBuffer(STATE_BYTES + capacity));
  }

  /** Bytes that were written and not read. Positions wrap at 2^32, and so does their difference. */
  get length(): number {
    return (Atomics.load(this.#state, WRITTEN) - Atomics.load(this.#state, READ)) | 0;
  }

  get ended(): boolean {
    return Atomics.load(this.#state, ENDED) === 1;
  }

  /** Writes what there is room for; returns how much that was. */
  write(bytes: Uint8Array): number {
    const count = Math.min(bytes.length, this.#capacity - this.length);
    const at = (Atomics.load(this.#state, WRITTEN) >>> 0) % this.#capacity;
    const first = Math.min(count, this.#capacity - at);
    this.#bytes.set(bytes.subarray(0, first), at);
    this.#bytes.set(bytes.subarray(first, count), 0);
    Atomics.add(this.#state, WRITTEN, count);
    this.#tell(NEWS);
    return count;
  }

  /** Writes all of it, and waits for room where there is none. */
  writeAll(bytes: Uint8Array): void {
    for (let done = 0; done < bytes.length;) {
      done += this.write(bytes.subarray(done));
      if (done < bytes.length) this.waitForRoom();
    }
  }

  /** Reads into `target` what is there; returns how much that was. */
  read(target: Uint8Array): number {
    const count = Math.min(target.length, this.length);
    const at = (Atomics.load(this.#state, READ) >>> 0) % this.#capacity;
    const first = Math.min(count, this.#capacity - at);
    target.set(this.#bytes.subarray(at, at + first), 0);
    target.set(this.#bytes.subarray(0, count - first), first);
    Atomics.add(this.#state, READ, count);
    this.#tell(ROOM);
    return count;
  }

  /** Waits for the first bytes and reads into `target` what is there; 0: the end. */
  readSome(target: Uint8Array): number {
    for (;;) {
      const count = this.read(target);
      if (count > 0) return count;
      // In this order: what was written before the end is read before it.
      if (this.ended) return this.read(target);
      this.waitForNews();
    }
  }

  /** No more will be written. */
  end(): void {
    Atomics.store(this.#state, ENDED, 1);
    this.#tell(NEWS);
  }

  /** As new. Neither side may be using it. */
  reset(): void {
    this.#state.fill(0);
  }

  /** Waits until there is something to read or the end, at most `timeoutMs`. */
  waitForNews(timeoutMs = Infinity): void {
    const seen = Atomics.load(this.#state, NEWS);
    if (this.length === 0 && !this.ended) Atomics.wait(this.#state, NEWS, seen, timeoutMs);
  }

  waitForRoom(): void {
    const seen = Atomics.load(this.#state, ROOM);
    if (this.length === this.#capacity) Atomics.wait(this.#state, ROOM, seen);
  }

  #tell(what: typeof NEWS | typeof ROOM): void {
    Atomics.add(this.#state, what, 1);
    Atomics.notify(this.#state, what);
    this.#onChange();
  }
}
