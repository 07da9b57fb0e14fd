/** How long what comes first waits for others. */
export interface Company {
  /** At most, milliseconds. */
  readonly waitMs: number;
  /** No longer than until there are so many. */
  readonly enough: number;
  /** Whether others may come, when so many wait: else nobody waits for them. */
  readonly isExpected: (waiting: number) => boolean;
}

/**
 * Gathers what is added while one flush is under way, and flushes it together next: many small
 * transactions become few. Nobody waits for a timer, unless `company` says so.
 * `flush` answers for every item, in order; when it throws, everybody in that group is told.
 */
export class GroupCommit<Item, Answer> {
  readonly #flush: (items: readonly Item[]) => Promise<readonly Answer[]>;
  readonly #maxItems: number;
  readonly #company: Company | null;
  #waiting: Waiting<Item, Answer>[] = [];
  #flushing = false;
  /** Ends the wait for company. */
  #complete: (() => void) | null = null;

  constructor(
    flush: (items: readonly Item[]) => Promise<readonly Answer[]>,
    maxItems: number,
    company: Company | null = null,
  ) {
    this.#flush = flush;
    this.#maxItems = maxItems;
    this.#company = company;
  }

  add(item: Item): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ item, resolve, reject });
      if (!this.#flushing) void this.#run();
      else if (this.#isComplete()) this.#complete?.();
    });
  }

  async #run(): Promise<void> {
    this.#flushing = true;
    while (this.#waiting.length > 0) {
      // What is added in the same turn belongs together.
      await Promise.resolve();
      if (!this.#isComplete()) await this.#gather(this.#company?.waitMs ?? 0);
      const group = this.#waiting.splice(0, this.#maxItems);
      try {
        const answers = await this.#flush(group.map(({ item }) => item));
        for (const [index, { resolve }] of group.entries()) resolve(answers[index] as Answer);
      } catch (error) {
        for (const { reject } of group) reject(error);
      }
    }
    this.#flushing = false;
  }

  #isComplete(): boolean {
    const { length } = this.#waiting;
    return this.#company === null || length >= this.#company.enough || !this.#company.isExpected(length);
  }

  #gather(waitMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#complete?.(), waitMs);
      this.#complete = () => {
        clearTimeout(timer);
        this.#complete = null;
        resolve();
      };
    });
  }
}

interface Waiting<Item, Answer> {
  readonly item: Item;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: unknown) => void;
}
