import type { Input, Inputs } from "../../raw/input.ts";

/** Raw files that two packages are compared on, one after another. */
export interface RawSource {
  readonly count: number;
  readonly skipped: Inputs["skipped"];
  /** Each, ready to be read until the next one is asked for. */
  read(): AsyncIterable<Input>;
}
