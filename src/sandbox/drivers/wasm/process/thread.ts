import { Worker } from "node:worker_threads";

import { WINDOW_BYTES } from "./channel.ts";
import type { EndedMessage } from "./channel.ts";
import { Ring } from "./ring.ts";
import type { Snapshot } from "./module-runner.ts";
import { THREAD_STATE } from "./thread-messages.ts";
import type { RunMessage, ThreadData, ThreadMessage } from "./thread-messages.ts";

const PAGE_BYTES = 65_536;
const STACK_MIB = 8;
/** For making an instance ahead of its run. */
const PREPARE_MAX_MS = 5000;

export interface ThreadOptions extends Pick<ThreadData, "code" | "folders" | "tmpBytes" | "openFiles"> {
  /** Of V8's heap, which holds tables and garbage-collected objects of WebAssembly; its memory is counted apart. */
  readonly heapMiB: number;
}

export interface ThreadListener {
  /** Something may have been written or read. */
  readonly onWake: () => void;
  readonly onSnapshot: (snapshot: Snapshot | null) => void;
  /** The instance is over; all that it wrote is in the rings. */
  readonly onEnded: (ended: EndedMessage) => void;
}

/** One thread, as the process's main thread sees it. */
export class Thread {
  readonly input = Ring.of(WINDOW_BYTES);
  readonly output = Ring.of(WINDOW_BYTES);
  readonly errors = Ring.of(WINDOW_BYTES);
  readonly #state = new Int32Array(new SharedArrayBuffer(4 * THREAD_STATE.length));
  readonly #worker: Worker;
  #listener: ThreadListener | null = null;
  #outOfMemory = false;
  /** What a guest does before its run has no limit of its own: an endless loop there shall not stay. */
  #preparing: NodeJS.Timeout | null = null;
  #isGone = false;
  readonly #onGone: (thread: Thread) => void;

  /** @param onIdle it can take the next instance; `onGone` it cannot, for ever */
  constructor(options: ThreadOptions, onIdle: (thread: Thread) => void, onGone: (thread: Thread) => void) {
    const { heapMiB, ...rest } = options;
    this.#onGone = onGone;
    const workerData: ThreadData = {
      ...rest,
      input: this.input.shared,
      output: this.output.shared,
      errors: this.errors.shared,
      state: this.#state.buffer,
    };
    // Stripped of types by now: process-copy.ts.
    this.#worker = new Worker(new URL("instance-thread.js", import.meta.url), {
      workerData,
      env: {},
      resourceLimits: { maxOldGenerationSizeMb: heapMiB, stackSizeMb: STACK_MIB },
    });
    this.#worker.on("message", (message: ThreadMessage) => {
      if (message === "wake") {
        Atomics.store(this.#state, THREAD_STATE.woken, 0);
        this.#listener?.onWake();
      } else if (message === "idle") {
        // Said before it was ended, and heard after.
        if (this.#isGone) return;
        onIdle(this);
        this.#preparing = setTimeout(() => {
          if (Atomics.load(this.#state, THREAD_STATE.preparing) === 1) this.kill();
        }, PREPARE_MAX_MS).unref();
      } else if ("snapshot" in message) {
        this.#listener?.onSnapshot(message.snapshot);
      } else {
        this.#end(message);
      }
    });
    this.#worker.on("error", (error: Error & { readonly code?: string }) => {
      this.#outOfMemory ||= error.code === "ERR_WORKER_OUT_OF_MEMORY";
    });
    this.#worker.once("exit", () => {
      this.#leave();
      this.#end({ exitCode: null, signal: "SIGKILL", outOfMemory: this.#outOfMemory, ...this.usage() });
    });
  }

  run(message: RunMessage, listener: ThreadListener): void {
    if (this.#preparing !== null) clearTimeout(this.#preparing);
    for (const ring of [this.input, this.output, this.errors]) ring.reset();
    this.#state.fill(0);
    this.#listener = listener;
    // oxlint-disable-next-line unicorn/require-post-message-target-origin
    this.#worker.postMessage(message);
  }

  /** Ends whatever it does, an endless loop too. */
  kill(): void {
    // First: no run shall get it.
    this.#leave();
    void this.#worker.terminate();
  }

  usage(): { readonly cpuMs: number; readonly memoryBytes: number } {
    return {
      cpuMs: Atomics.load(this.#state, THREAD_STATE.cpuMs),
      memoryBytes: Atomics.load(this.#state, THREAD_STATE.memoryPages) * PAGE_BYTES,
    };
  }

  #leave(): void {
    if (this.#isGone) return;
    this.#isGone = true;
    this.#onGone(this);
  }

  #end(ended: EndedMessage): void {
    const listener = this.#listener;
    this.#listener = null;
    listener?.onEnded(ended);
  }
}
