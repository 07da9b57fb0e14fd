import { formatMs } from "../../domain/quantity.ts";
import type { Run } from "../../domain/run.ts";
import type { Inputs } from "../../raw/input.ts";
import type { Context } from "../command.ts";
import type { ErrorDocument } from "../complain.ts";
import { runReport } from "../report/run-report.ts";
import { failure, heading, joined, logSection, rejectionSection } from "../report/run-sections.ts";
import { printable, printableLines } from "../terminal/printable.ts";
import type { Difference } from "../testing/differences.ts";
import { showDifferences } from "../testing/show-differences.ts";
import { LastOutputs } from "./last-outputs.ts";
import type { Change } from "./watch-files.ts";
import type { WatchReport } from "./watch-report.ts";

const MOST_DIFFERENCES = 20;
const MOST_FILES = 3;

/** Shows a person the first run whole, and of the others what is not as it was. */
export class WatchText implements WatchReport {
  readonly #context: Context;
  readonly #full: boolean;
  readonly #outputs = new LastOutputs();

  constructor(context: Context, full: boolean) {
    this.#context = context;
    this.#full = full;
  }

  async begin(change: Change | null, { skipped }: Inputs): Promise<void> {
    if (change !== null) {
      await this.#rule(change);
      return;
    }
    const lines = skipped.map(({ name, reason }) => `  ${printable(name)}: ${printable(reason)}\n`);
    if (lines.length > 0) await this.#context.out(`Not run on ${lines.length}:\n${lines.join("")}\n`);
  }

  async add(name: string, run: Run, change: Change | null): Promise<void> {
    const { outTerminal: terminal, out } = this.#context;
    const found = this.#outputs.compare(name, run);
    if (change === null || (found === null && run.outcome.status === "succeeded")) {
      await out(runReport(name, run, terminal, this.#full));
      return;
    }
    const sections = [
      heading(name, run, terminal),
      failure(run.outcome, terminal),
      rejectionSection(run.records, terminal, this.#full),
      found === null ? [] : this.#differences(found, run),
      logSection(run, terminal, this.#full),
    ];
    await out(joined(sections));
    await out(
      `${terminal.paint("dim", `${formatMs(performance.now() - change.noticedMs)} after it was saved`)}\n`,
    );
  }

  async complain({ code, message, remedy }: ErrorDocument, change: Change | null): Promise<void> {
    const { outTerminal, out } = this.#context;
    if (change !== null) await this.#rule(change);
    const [first = "", ...more] = printableLines(message);
    const lines = [
      `${outTerminal.paint("red", "error:")} ${first} ${outTerminal.paint("dim", `(${code})`)}`,
      ...more.map((line) => `  ${line}`),
      `  ${printable(remedy)}`,
    ];
    await out(`${lines.join("\n")}\n`);
    await this.end();
  }

  /** On a terminal alone: what somebody pipes is what runs gave. */
  end(): Promise<void> {
    const { err, errTerminal } = this.#context;
    if (errTerminal.isTty) err(errTerminal.paint("dim", "\nwaiting for a file to be saved; Ctrl-C ends\n"));
    return Promise.resolve();
  }

  #differences(found: readonly Difference[], { records }: Run): readonly string[] {
    const { paint } = this.#context.outTerminal;
    if (found.length === 0) return [`Nothing changed in what it gives (${records.objects.length} objects).`];
    const most = this.#full ? Number.POSITIVE_INFINITY : MOST_DIFFERENCES;
    const counts = [
      ["added", "unexpected"],
      ["removed", "missing"],
      ["changed", "changed"],
    ].flatMap(([word, wanted]) => {
      const count = found.filter(({ kind }) => kind === wanted).length;
      return count === 0 ? [] : [`${count} ${word}`];
    });
    return [
      `${paint("bold", "Since the last run")}  ${counts.join(", ")}`,
      ...showDifferences(found, most).map((line) => `  ${line}`),
    ];
  }

  async #rule({ files }: Change): Promise<void> {
    const { out, outTerminal } = this.#context;
    const names = files.slice(0, MOST_FILES).map((file) => printable(file));
    const more = files.length > names.length ? ` and ${files.length - names.length} more` : "";
    await out(`\n${outTerminal.paint("dim", `── saved: ${names.join(", ")}${more}`)}\n`);
  }
}
