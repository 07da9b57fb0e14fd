import { formatMs } from "../../domain/quantity.ts";
import type { Run } from "../../domain/run.ts";
import type { Inputs } from "../../raw/input.ts";
import type { Context } from "../command.ts";
import { printable } from "../terminal/printable.ts";
import { runReport } from "./run-report.ts";

/** Shows runs to a person, one after another, and closes with a summary when there are several. */
export class TextReport {
  readonly #context: Context;
  readonly #chosen: Inputs;
  readonly #full: boolean;
  readonly #startedMs = performance.now();
  #runs = 0;
  #failed = 0;
  #objects = 0;
  #findings = 0;

  constructor(context: Context, chosen: Inputs, full: boolean) {
    this.#context = context;
    this.#chosen = chosen;
    this.#full = full;
    this.#showProgress();
  }

  async add(name: string, run: Run): Promise<void> {
    const { objects } = run.records;
    const findings = objects.filter(({ object_type: type }) => type === "Finding").length;
    this.#clearProgress();
    this.#runs += 1;
    this.#failed += run.outcome.status === "failed" ? 1 : 0;
    this.#findings += findings;
    this.#objects += objects.length - findings;
    const gap = this.#runs > 1 ? "\n" : "";
    await this.#context.out(gap + runReport(name, run, this.#context.outTerminal, this.#full));
    this.#showProgress();
  }

  async end(): Promise<void> {
    this.#clearProgress();
    const { out, outTerminal } = this.#context;
    const { skipped } = this.#chosen;
    const lines: string[] = [];
    if (skipped.length > 0) {
      lines.push(`Not run on ${skipped.length}:`);
      lines.push(...skipped.map(({ name, reason }) => `  ${printable(name)}: ${printable(reason)}`));
    }
    if (this.#runs > 1) {
      const succeeded = this.#runs - this.#failed;
      lines.push(
        outTerminal.paint(
          "bold",
          `${this.#runs} runs: ${succeeded} succeeded, ${this.#failed} failed; ${this.#findings} findings and ` +
            `${this.#objects} objects in ${formatMs(performance.now() - this.#startedMs)}`,
        ),
      );
    }
    if (lines.length > 0) await out(`\n${lines.join("\n")}\n`);
  }

  #showProgress(): void {
    const { err, errTerminal } = this.#context;
    const total = this.#chosen.inputs.length;
    if (!errTerminal.isTty || this.#runs >= total) return;
    const name = printable(this.#chosen.inputs[this.#runs]?.name ?? "");
    err(
      `\r\u001b[K${errTerminal.paint("dim", `running ${this.#runs + 1} of ${total}: ${name}`.slice(0, errTerminal.columns - 1))}`,
    );
  }

  #clearProgress(): void {
    if (this.#context.errTerminal.isTty) this.#context.err("\r\u001b[K");
  }
}
