import type { Driver } from "./driver.ts";

/** Runtimes `driver:variant`, each opened once. */
export class DriverVariants {
  readonly #open: (driver: string, variant: string) => Driver | null;
  readonly #opened = new Map<string, Driver | null>();

  constructor(open: ((driver: string, variant: string) => Driver | null) | undefined) {
    this.#open = open ?? (() => null);
  }

  /** Undefined: there is none of this name. */
  find(name: string): Driver | undefined {
    const [driver = "", variant] = name.split(":", 2);
    if (variant === undefined) return undefined;
    let found = this.#opened.get(name);
    if (found === undefined) {
      found = this.#open(driver, variant);
      this.#opened.set(name, found);
    }
    return found ?? undefined;
  }
}
