/** Something that a loop waits for, and others tell it of. Told while nobody waits, it is kept for the next wait. */
export class Wakeup {
  #told = false;
  readonly #waiting = new Set<() => void>();

  /** Wakes all who wait; when nobody does, the next to wait does not. */
  wake(): void {
    if (this.#waiting.size === 0) this.#told = true;
    for (const resume of this.#waiting) resume();
  }

  /** What it was told until now is being seen to. */
  clear(): void {
    this.#told = false;
  }

  /** Until it is told, `ms` have passed, or the signal aborts. Never rejects. */
  wait(ms: number, signal: AbortSignal): Promise<void> {
    if (this.#told || signal.aborted) {
      this.#told = false;
      return Promise.resolve();
    }
    return new Promise((resolve) => {
      const resume = (): void => {
        clearTimeout(timer);
        signal.removeEventListener("abort", resume);
        this.#waiting.delete(resume);
        resolve();
      };
      const timer = setTimeout(resume, ms);
      signal.addEventListener("abort", resume, { once: true });
      this.#waiting.add(resume);
    });
  }
}
