import { setFlagsFromString } from "node:v8";

/** Outputs from here on are large: reading one takes some fifty times its memory, for a moment. */
const LARGE_BYTES = 4 * 1024 * 1024;
const FLAG = /^--heap-growing-percent=(?<percent>\d+)$/u;

/**
 * The launcher has V8 collect garbage when the heap has grown by a quarter, so that small tasks leave little behind. While the
 * heap has to grow tenfold, that is garbage collected a dozen times for nothing, at half of the processor time; so V8 decides by
 * itself while a large output is being read.
 */
export class HeapGrowth {
  readonly #flag: string | null;
  readonly #setFlag: (flag: string) => void;
  #large = 0;

  /** `argv`: of this process; without the launcher's setting nothing is changed. */
  constructor(argv: readonly string[] = process.execArgv, setFlag = setFlagsFromString) {
    this.#flag = argv.findLast((argument) => FLAG.test(argument)) ?? null;
    this.#setFlag = setFlag;
  }

  /** Does work on an output of so many bytes. */
  async during<T>(bytes: number, work: () => Promise<T>): Promise<T> {
    if (this.#flag === null || bytes < LARGE_BYTES) return work();
    this.#large += 1;
    // 0: as V8 likes.
    if (this.#large === 1) this.#setFlag("--heap-growing-percent=0");
    try {
      return await work();
    } finally {
      this.#large -= 1;
      if (this.#large === 0) this.#setFlag(this.#flag);
    }
  }
}
