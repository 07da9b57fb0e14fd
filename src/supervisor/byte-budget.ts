/**
 * So many bytes at once, first come, first served. Whoever wants more than there are is alone with what it has, so that nothing is
 * too large for ever.
 */
export class ByteBudget {
  readonly #mostBytes: number;
  #takenBytes = 0;
  readonly #waiting: { readonly bytes: number; readonly admit: () => void }[] = [];

  constructor(mostBytes: number) {
    this.#mostBytes = mostBytes;
  }

  /** Does the work when its bytes are there, and gives them back when it is over. */
  async during<T>(bytes: number, work: () => Promise<T>): Promise<T> {
    if (this.#waiting.length > 0 || !this.#fits(bytes)) {
      await new Promise<void>((admit) => {
        this.#waiting.push({ bytes, admit });
      });
    } else this.#takenBytes += bytes;
    try {
      return await work();
    } finally {
      this.#takenBytes -= bytes;
      this.#admit();
    }
  }

  #fits(bytes: number): boolean {
    return this.#takenBytes === 0 || this.#takenBytes + bytes <= this.#mostBytes;
  }

  #admit(): void {
    for (let next = this.#waiting[0]; next !== undefined && this.#fits(next.bytes); next = this.#waiting[0]) {
      this.#waiting.shift();
      // Before the next one is looked at.
      this.#takenBytes += next.bytes;
      next.admit();
    }
  }
}
