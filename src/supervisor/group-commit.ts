/**
 * Gathers what is added while one flush is under way, and flushes it together next: many small
 * transactions become few, and nobody waits for a timer.
 * `flush` answers for every item, in order; when it throws, everybody in that group is told.
 */
export class GroupCommit<Item, Answer> {
  readonly #flush: (items: readonly Item[]) => Promise<readonly Answer[]>;
  readonly #maxItems: number;
  #waiting: Waiting<Item, Answer>[] = [];
  #flushing = false;

  constructor(flush: (items: readonly Item[]) => Promise<readonly Answer[]>, maxItems: number) {
    this.#flush = flush;
    this.#maxItems = maxItems;
  }

  add(item: Item): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ item, resolve, reject });
      if (!this.#flushing) void this.#run();
    });
  }

  async #run(): Promise<void> {
    this.#flushing = true;
    // What is added in the same turn belongs together.
    await Promise.resolve();
    while (this.#waiting.length > 0) {
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
}

interface Waiting<Item, Answer> {
  readonly item: Item;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: unknown) => void;
}
