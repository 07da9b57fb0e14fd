import { setFlagsFromString } from "node:v8";

/** Outputs from here on are large: reading one takes some fifty times its memory, for a moment. */
export const LARGE_OUTPUT_BYTES = 4 * 1024 * 1024;
/** A half of the processor time that 25 costs, and half of the memory that V8 takes by itself. */
const LARGE_FLAG = "--heap-growing-percent=100";
const FLAG = /^--heap-growing-percent=(?<percent>\d+)$/u;

/**
 * The launcher has V8 collect garbage when the heap has grown by a quarter, so that small tasks leave little behind. While the
 * heap has to grow tenfold, that is garbage collected a dozen times for nothing, at half of the processor time; so it may
 * double meanwhile. Large outputs are read one after another: it is work of one thread, and two at once would take the memory of
 * both and be no faster.
 */
export class HeapGrowth {
  readonly #flag: string | null;
  readonly #setFlag: (flag: string) => void;
  #last: Promise<unknown> = Promise.resolve();

  /** `argv`: of this process; without the launcher's setting nothing is changed. */
  constructor(argv: readonly string[] = process.execArgv, setFlag = setFlagsFromString) {
    this.#flag = argv.findLast((argument) => FLAG.test(argument)) ?? null;
    this.#setFlag = setFlag;
  }

  /** Does work on an output of so many bytes. */
  during<T>(bytes: number, work: () => Promise<T>): Promise<T> {
    if (bytes < LARGE_OUTPUT_BYTES) return work();
    const done = this.#last.then(() => this.#grown(work));
    this.#last = done.then(nothing, nothing);
    return done;
  }

  async #grown<T>(work: () => Promise<T>): Promise<T> {
    if (this.#flag === null) return work();
    this.#setFlag(LARGE_FLAG);
    try {
      return await work();
    } finally {
      this.#setFlag(this.#flag);
    }
  }
}

/** What was read is not kept for it. */
function nothing(): void {}
