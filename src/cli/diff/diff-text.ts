import type { Package } from "../../domain/package.ts";
import { formatMs } from "../../domain/quantity.ts";
import type { Context } from "../command.ts";
import { printable } from "../terminal/printable.ts";
import { showDifferences } from "../testing/show-differences.ts";
import type { Comparison } from "./compare-packages.ts";
import type { DiffWriter } from "./diff-report.ts";
import type { RawSource } from "./raw-source.ts";
import { type Counts, countsOf, type Totals } from "./totals.ts";

const MOST_DIFFERENCES = 20;

/** Shows a person each raw file as it is compared, then what all come to. */
export class DiffText implements DiffWriter {
  readonly #packages: readonly [Package, Package];
  readonly #raws: RawSource;
  readonly #context: Context;
  readonly #full: boolean;

  constructor(packages: readonly [Package, Package], raws: RawSource, context: Context, full: boolean) {
    this.#packages = packages;
    this.#raws = raws;
    this.#context = context;
    this.#full = full;
  }

  async begin(): Promise<void> {
    const { out, outTerminal } = this.#context;
    for (const [index, { manifest, digest }] of this.#packages.entries()) {
      const name = [manifest.id, manifest.version ?? ""].map((text) => printable(text)).join(" ");
      await out(`${index === 0 ? "old" : "new"}  ${outTerminal.paint("bold", name.trim())}  ${digest}\n`);
    }
    await out("\n");
    for (const { name, reason } of this.#raws.skipped) {
      await out(`not run: ${printable(name)}: ${printable(reason)}\n`);
    }
  }

  async add({ input, differences: found, new: now }: Comparison): Promise<void> {
    const { out, outTerminal } = this.#context;
    const { paint } = outTerminal;
    const name = paint("bold", printable(input.name));
    if (found.length === 0) {
      await out(`${paint("green", "same")}     ${name}  ${endOf(now)}\n`);
      return;
    }
    await out(`${paint("red", "differs")}  ${name}  ${countsText(countsOf(found))}\n`);
    const most = this.#full ? Number.POSITIVE_INFINITY : MOST_DIFFERENCES;
    for (const line of showDifferences(found, most)) await out(`  ${line}\n`);
  }

  async end(totals: Totals): Promise<void> {
    const { raws, same, differ, runMs } = totals;
    const counts = differ === 0 ? "" : `; ${countsText(totals)}`;
    await this.#context.out(
      `\n${raws} raw file${raws === 1 ? "" : "s"}: ${same} the same, ${differ} not${counts}\n` +
        `a run took (median): old ${formatMs(runMs.old)}, new ${formatMs(runMs.new)}\n`,
    );
  }

  fail(error: unknown): never {
    throw error;
  }
}

function endOf({ outcome, objects }: Comparison["new"]): string {
  if (outcome.status === "failed") return `both fail: ${outcome.code}`;
  return `${objects} object${objects === 1 ? "" : "s"}`;
}

function countsText({ added, removed, changed }: Counts): string {
  return `${added} added, ${removed} removed, ${changed} changed`;
}
