import type { RawDataMeta } from "../domain/meta.ts";
import type { Raw } from "../domain/raw.ts";

/** One raw file that a person gave, and what is known of it. */
export interface Input {
  /** How the person would name it: a path, or `archive.zip:entry`. Untrusted text. */
  readonly name: string;
  readonly raw: Raw;
  /** As Bytes had it, without the boefje's settings (they may hold keys); null for a bare file. */
  readonly rawMeta: RawDataMeta | null;
}

/** Raw files of one argument, and what was left out. */
export interface Inputs {
  readonly inputs: readonly Input[];
  /** What lay there and is not used, each with its reason. */
  readonly skipped: readonly { readonly name: string; readonly reason: string }[];
}
