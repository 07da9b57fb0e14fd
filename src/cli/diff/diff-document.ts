import type { Package } from "../../domain/package.ts";
import { ERRORS } from "../../errors.ts";
import { errorDocument } from "../complain.ts";
import type { Comparison } from "./compare-packages.ts";
import type { DiffWriter } from "./diff-report.ts";
import type { RawSource } from "./raw-source.ts";
import { type Totals, WORDS } from "./totals.ts";

/** One JSON document about everything, for programs. */
export class DiffDocument implements DiffWriter {
  readonly #packages: readonly [Package, Package];
  readonly #raws: RawSource;
  readonly #write: (text: string) => Promise<void>;
  readonly #compared: object[] = [];

  constructor(
    packages: readonly [Package, Package],
    raws: RawSource,
    write: (text: string) => Promise<void>,
  ) {
    this.#packages = packages;
    this.#raws = raws;
    this.#write = write;
  }

  begin(): Promise<void> {
    return Promise.resolve();
  }

  add(comparison: Comparison): Promise<void> {
    this.#compared.push(documentOf(comparison));
    return Promise.resolve();
  }

  end(totals: Totals): Promise<void> {
    return this.#end(totals, {});
  }

  async fail(error: unknown, totals: Totals): Promise<number> {
    const document = errorDocument(error);
    await this.#end(totals, { error: document });
    return ERRORS[document.code].exitCode;
  }

  async #end(totals: Totals, more: object): Promise<void> {
    const [old, now] = this.#packages.map(({ manifest: { id, version }, digest }) => ({
      id,
      version,
      digest,
    }));
    const { skipped } = this.#raws;
    const document = { old, new: now, raws: this.#compared, skipped, totals, ...more };
    await this.#write(`${JSON.stringify(document)}\n`);
  }
}

/** Fields are JSON texts, as they were compared; null: it is not there. */
function documentOf({ input, old, new: now, differences }: Comparison): object {
  const { id, sha256, sizeBytes } = input.raw;
  return {
    input: input.name,
    raw: { id, sha256, sizeBytes },
    same: differences.length === 0,
    old,
    new: now,
    differences: differences.map(({ kind, what, fields }) => ({
      kind: WORDS[kind],
      what,
      fields: fields.map(({ name, expected, actual }) => ({
        name,
        old: expected ?? null,
        new: actual ?? null,
      })),
    })),
  };
}
