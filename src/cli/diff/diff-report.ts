import type { Package } from "../../domain/package.ts";
import type { Context } from "../command.ts";
import { progressBar } from "../progress-bar.ts";
import type { Comparison } from "./compare-packages.ts";
import { DiffDocument } from "./diff-document.ts";
import { DiffText } from "./diff-text.ts";
import type { RawSource } from "./raw-source.ts";
import { type Compared, comparedOf, type Totals, totalsOf } from "./totals.ts";

/** Who is told of what `whiskers diff` finds: a person, or a program. */
export interface DiffWriter {
  begin(): Promise<void>;
  add(comparison: Comparison): Promise<void>;
  end(totals: Totals): Promise<void>;
  /** Something else failed. @returns the exit code @throws the error, where nothing holds it */
  fail(error: unknown, totals: Totals): Promise<number>;
}

export interface DiffReport {
  begin(): Promise<void>;
  add(comparison: Comparison): Promise<void>;
  /** @returns the exit code */
  end(): Promise<number>;
  /** @returns the exit code @throws the error, where nothing holds it */
  fail(error: unknown): Promise<number>;
}

/** Counts what is found, shows how far it is, and tells whoever asked. */
export function openDiffReport(
  packages: readonly [Package, Package],
  raws: RawSource,
  context: Context,
  { json, full }: { readonly json: boolean; readonly full: boolean },
): DiffReport {
  const { out, outTerminal, errTerminal, err } = context;
  const writer: DiffWriter = json
    ? new DiffDocument(packages, raws, out)
    : new DiffText(packages, raws, context, full);
  // Where a person sees the raw files come by, they are the progress.
  const isSeen = !json && outTerminal.isTty;
  const bar = progressBar(raws.count, { ...errTerminal, isTty: errTerminal.isTty && !isSeen }, err);
  const compared: Compared[] = [];
  return {
    begin: () => writer.begin(),
    async add(comparison) {
      compared.push(comparedOf(comparison));
      bar.advance(compared.length, "raw files");
      await writer.add(comparison);
    },
    async end() {
      bar.end();
      const totals = totalsOf(compared);
      await writer.end(totals);
      return totals.differ > 0 ? 1 : 0;
    },
    fail(error) {
      bar.end();
      return writer.fail(error, totalsOf(compared));
    },
  };
}
