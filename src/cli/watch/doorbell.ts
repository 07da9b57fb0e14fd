/** Wakes one who waits. */
export class Doorbell {
  readonly #signal: AbortSignal;
  #rungAtMs: number | null = null;
  #wake: (() => void) | null = null;

  /** @param signal whoever waits when it aborts is woken */
  constructor(signal: AbortSignal) {
    this.#signal = signal;
    signal.addEventListener("abort", () => {
      this.ring();
    });
  }

  ring(): void {
    this.#rungAtMs ??= performance.now();
    this.#wake?.();
  }

  /** Waits until it rings, at most `mostMs`. @returns when it first did since the last call, `performance.now()` */
  async wait(mostMs: number): Promise<number> {
    if (this.#rungAtMs === null) await this.#rung(mostMs);
    const rungAtMs = this.#rungAtMs ?? performance.now();
    this.#rungAtMs = null;
    return rungAtMs;
  }

  /** Waits until it has not rung for `quietMs`, at most `mostMs`. */
  async quiet(quietMs: number, mostMs: number): Promise<void> {
    const untilMs = performance.now() + mostMs;
    do {
      this.#rungAtMs = null;
      await this.#rung(quietMs);
    } while (this.#rungAtMs !== null && performance.now() < untilMs && !this.#signal.aborted);
    this.#rungAtMs = null;
  }

  async #rung(mostMs: number): Promise<void> {
    if (this.#signal.aborted) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, mostMs);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#wake = null;
  }
}
