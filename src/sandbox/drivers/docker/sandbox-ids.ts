/** Above the users of people, services and other containers, and below what engines take: 2^31 - 1. */
const FIRST_ID = 1_000_000_000;
/** Of a user namespace that the whole engine is in, which usually has 65,536 of them. */
const FIRST_OF_FEW = 20_000;
const IDS_PER_PROCESS = 256;
/** As many processes as Linux can have. */
const PIDS = 4_194_304;

/**
 * Gives each living sandbox of this process a user of its own: what the kernel counts or limits by user (pipes,
 * watches, keys) is then not shared by two of them.
 */
export class SandboxIds {
  readonly #first: number;
  readonly #taken = new Set<number>();

  /** @param few the engine has no more users than a user namespace usually has */
  constructor(few: boolean) {
    const block = few ? process.pid % 100 : process.pid % PIDS;
    this.#first = (few ? FIRST_OF_FEW : FIRST_ID) + block * IDS_PER_PROCESS;
  }

  take(): number {
    for (let slot = 0; slot < IDS_PER_PROCESS - 1; slot += 1) {
      const id = this.#first + slot;
      if (this.#taken.has(id)) continue;
      this.#taken.add(id);
      return id;
    }
    // More than that at once share the last.
    return this.#first + IDS_PER_PROCESS - 1;
  }

  release(id: number): void {
    this.#taken.delete(id);
  }
}
