import { setTimeout as sleep } from "node:timers/promises";

/**
 * Gathers what is added while one flush is under way, and flushes it together next: many small
 * transactions become few. Nobody waits for a timer, unless `lingerMs` says that what comes first waits so
 * long for company.
 * `flush` answers for every item, in order; when it throws, everybody in that group is told.
 */
export class GroupCommit<Item, Answer> {
  readonly #flush: (items: readonly Item[]) => Promise<readonly Answer[]>;
  readonly #maxItems: number;
  readonly #lingerMs: number;
  #waiting: Waiting<Item, Answer>[] = [];
  #flushing = false;

  constructor(flush: (items: readonly Item[]) => Promise<readonly Answer[]>, maxItems: number, lingerMs = 0) {
    this.#flush = flush;
    this.#maxItems = maxItems;
    this.#lingerMs = lingerMs;
  }

  add(item: Item): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ item, resolve, reject });
      if (!this.#flushing) void this.#run();
    });
  }

  async #run(): Promise<void> {
    this.#flushing = true;
    while (this.#waiting.length > 0) {
      // What is added in the same turn belongs together.
      await (this.#lingerMs > 0 ? sleep(this.#lingerMs) : Promise.resolve());
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
