import { ComponentError } from "./component-error.ts";

/** Counts what an instance has open: as many as its limit says. */
export class Handles {
  #left: number;

  constructor(max: number) {
    this.#left = max;
  }

  /** @throws ComponentError `insufficient-memory`: WASI 0.2 has no word for too many open files */
  take(): void {
    if (this.#left === 0) throw new ComponentError("insufficient-memory");
    this.#left -= 1;
  }

  giveBack(): void {
    this.#left += 1;
  }
}
