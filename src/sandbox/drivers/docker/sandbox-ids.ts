import { randomInt } from "node:crypto";

/** Above the users of people, services and other containers, and below what engines take: 2^31 - 1. */
const ALL = { first: 1_000_000_000, end: 2_147_483_647 };
/** Of a user namespace that the whole engine is in, which usually has 65,536 of them. */
const FEW = { first: 20_000, end: 65_536 };
const IDS_PER_DRIVER = 256;

/**
 * Gives each living sandbox a user of its own: what the kernel counts or limits by user (processes, pipes, watches, keys) is
 * then not shared by two of them. Which ones is drawn by lot: several drivers of a process use one engine, and so do several
 * processes, which in containers of their own have the same pid.
 */
export class SandboxIds {
  readonly #first: number;
  readonly #taken = new Set<number>();

  /** @param few the engine has no more users than a user namespace usually has */
  constructor(few: boolean) {
    const { first, end } = few ? FEW : ALL;
    this.#first = first + randomInt(Math.floor((end - first) / IDS_PER_DRIVER)) * IDS_PER_DRIVER;
  }

  take(): number {
    for (let slot = 0; slot < IDS_PER_DRIVER - 1; slot += 1) {
      const id = this.#first + slot;
      if (this.#taken.has(id)) continue;
      this.#taken.add(id);
      return id;
    }
    // More than that at once share the last.
    return this.#first + IDS_PER_DRIVER - 1;
  }

  release(id: number): void {
    this.#taken.delete(id);
  }
}
