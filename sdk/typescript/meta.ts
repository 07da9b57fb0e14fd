import type { Buffer } from "node:buffer";

/** One raw file of a run. */
export interface RawFile {
  readonly id: string;
  readonly mimeTypes: readonly string[];
  readonly content: Buffer;
}

/** An object as OpenKAT's boefjes get it: references to other objects are written out. */
export type InputObject = { readonly [field: string]: unknown };

/** OpenKAT's NormalizerMeta, in OpenKAT's names, and two short cuts that are not part of its JSON. */
export interface Meta {
  readonly id: string;
  readonly raw_data: {
    readonly id: string;
    readonly mime_types: readonly { readonly value: string }[];
    readonly boefje_meta: {
      readonly id: string;
      readonly started_at: string;
      readonly ended_at: string;
      readonly boefje: { readonly id: string; readonly version: string | null };
      readonly input_ooi: string | null;
      readonly arguments: { readonly input?: InputObject; readonly [name: string]: unknown };
      readonly organization: string;
    };
  };
  readonly normalizer: { readonly id: string; readonly version: string | null };
  readonly started_at: string;
  readonly ended_at: string | null;

  /** The object that was scanned. */
  readonly input: InputObject | undefined;
  /** Every raw file of the run; the first is the one that is given as `raw`. */
  readonly raws: readonly RawFile[];
}

/** `meta` as it came, with the short cuts, which `JSON.stringify` does not see. */
export function withShortCuts(meta: object, raws: readonly RawFile[]): object {
  return Object.defineProperties(meta, {
    raws: { value: raws },
    input: {
      get(this: Meta) {
        return this.raw_data.boefje_meta.arguments.input;
      },
    },
  });
}
