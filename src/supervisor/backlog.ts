export interface BacklogLimits {
  readonly items: number;
  readonly bytes: number;
}

/** Work that is under way while others go on, so much of it at most. Its first failure is everybody's. */
export class Backlog {
  readonly #limits: BacklogLimits;
  readonly #onFailure: () => void;
  readonly #underWay = new Set<Promise<void>>();
  #bytes = 0;
  #failure: { readonly error: unknown } | null = null;

  /** `onFailure` is called at the first failure, at once. */
  constructor(limits: BacklogLimits, onFailure: () => void) {
    this.#limits = limits;
    this.#onFailure = onFailure;
  }

  /** `bytes`: what it holds in memory. Resolves when there is room for more. @throws what failed first */
  async add(bytes: number, work: Promise<void>): Promise<void> {
    this.#bytes += bytes;
    const tracked = work
      .catch((error: unknown) => {
        if (this.#failure !== null) return;
        this.#failure = { error };
        this.#onFailure();
      })
      .finally(() => {
        this.#bytes -= bytes;
        this.#underWay.delete(tracked);
      });
    this.#underWay.add(tracked);
    await this.room();
  }

  /** Resolves when there is room for more. @throws what failed first */
  async room(): Promise<void> {
    const { items, bytes: most } = this.#limits;
    while (this.#underWay.size >= items || (this.#bytes > most && this.#underWay.size > 0)) {
      await Promise.race(this.#underWay);
    }
    this.#check();
  }

  /** When nothing is under way. @throws what failed first */
  async settled(): Promise<void> {
    while (this.#underWay.size > 0) await Promise.all(this.#underWay);
    this.#check();
  }

  #check(): void {
    if (this.#failure !== null) throw this.#failure.error;
  }
}
