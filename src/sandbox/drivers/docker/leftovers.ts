import { EngineError } from "./engine.ts";
import type { Engine } from "./engine.ts";

/** Between two tries, milliseconds: an engine restarts in seconds. */
const AGAIN_MS = 5000;
/** A busy engine may make what it was asked for so long after nobody waits for it any more, milliseconds. */
const MAY_COME_MS = 300_000;

interface Leftover {
  /** Until then it may not be there yet. */
  readonly comesUntilMs: number;
}

/**
 * Containers of this process that could not be removed when their sandboxes were closed, because the engine was
 * restarting, or too busy: tried again until they are gone. This process may live for months, and the reaper removes
 * only what is of others that have ended.
 */
export class Leftovers {
  readonly #engine: Pick<Engine, "ask">;
  readonly #left = new Map<string, Leftover>();
  #timer: NodeJS.Timeout | null = null;

  constructor(engine: Pick<Engine, "ask">) {
    this.#engine = engine;
  }

  /** @param container its id or its name. `mayCome`: it was asked for, and there was no answer */
  add(container: string, { mayCome }: { readonly mayCome: boolean }): void {
    this.#left.set(container, { comesUntilMs: mayCome ? performance.now() + MAY_COME_MS : 0 });
    this.#schedule();
  }

  #schedule(): void {
    if (this.#timer !== null || this.#left.size === 0) return;
    this.#timer = setTimeout(() => {
      void this.#tryAgain();
    }, AGAIN_MS);
    // What is left when this process ends is the reaper's.
    this.#timer.unref();
  }

  async #tryAgain(): Promise<void> {
    for (const [container, { comesUntilMs }] of this.#left) {
      const isGone = await this.#remove(container);
      if (isGone && performance.now() >= comesUntilMs) this.#left.delete(container);
    }
    this.#timer = null;
    this.#schedule();
  }

  /** Only that there is none says that it is gone: a removal that has begun may fail. */
  async #remove(container: string): Promise<boolean> {
    try {
      await this.#engine.ask("DELETE", `/containers/${container}`, { query: { force: "1", v: "1" } });
      return false;
    } catch (error) {
      return error instanceof EngineError && error.status === 404;
    }
  }
}
