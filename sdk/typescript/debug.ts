import { once } from "node:events";
import { writeSync } from "node:fs";
import { Worker } from "node:worker_threads";

/** What the thread of the debugger has to know. */
export interface DebugThreadData {
  /** Descriptors of the protocol's stream. */
  readonly input: number;
  readonly output: number;
  readonly run: number;
  /** Of one who writes a frame; the other waits. */
  readonly lock: Int32Array<SharedArrayBuffer>;
  /** Where to stop first. */
  readonly folder: string;
}

/**
 * Lets a debugger at the host drive this process: a thread relays the Chrome DevTools Protocol between the guest
 * protocol's stream and V8. The sandbox stays as it is, without a port. Resolves when a debugger is there.
 * From then on nobody else may read the stream, and whoever writes to it goes through `lock`.
 */
export async function waitForDebugger(data: Omit<DebugThreadData, "lock">): Promise<FrameLock> {
  const lock = new Int32Array(new SharedArrayBuffer(4));
  const thread = new Worker(new URL("debug-thread.ts", import.meta.url), {
    workerData: { ...data, lock } satisfies DebugThreadData,
    execArgv: ["--no-warnings"],
  });
  await once(thread, "message");
  // The run's end is that of the process.
  thread.unref();
  return new FrameLock(lock);
}

/** One at a time writes to the stream, of two threads. */
export class FrameLock {
  readonly #lock: Int32Array<SharedArrayBuffer>;

  constructor(lock: Int32Array<SharedArrayBuffer>) {
    this.#lock = lock;
  }

  hold(write: () => void): void {
    while (Atomics.compareExchange(this.#lock, 0, 0, 1) !== 0) Atomics.wait(this.#lock, 0, 1);
    try {
      write();
    } finally {
      Atomics.store(this.#lock, 0, 0);
      Atomics.notify(this.#lock, 0, 1);
    }
  }
}

export function writeWhole(output: number, bytes: Uint8Array): void {
  let written = 0;
  while (written < bytes.length) written += writeSync(output, bytes, written, bytes.length - written);
}
