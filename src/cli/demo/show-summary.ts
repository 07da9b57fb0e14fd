import { join, relative } from "node:path";

import { formatMs } from "../../domain/quantity.ts";
import { columnsOf, pad } from "../terminal/columns.ts";
import { printable } from "../terminal/printable.ts";
import type { Terminal } from "../terminal/terminal.ts";
import { wrap } from "../terminal/wrap.ts";
import type { DemoFailure, DemoSummary } from "./summary.ts";

const MOST_LINES = 20;
const MOST_LINES_OF_REASON = 3;

/** The end of the demo, for people. `root` is the folder that `whiskers` stands in. */
export function showSummary(summary: DemoSummary, root: string, terminal: Terminal): string {
  const { paint } = terminal;
  const { sandbox } = summary;
  const lines = [
    "",
    paint("bold", `${summary.tasks} tasks: ${summary.succeeded} succeeded, ${summary.failed} failed`),
    `  ${summary.objects} objects and ${summary.findings} findings, all valid`,
    `  ${summary.runsPerSecond.toFixed(0)} runs a second; time per run ${formatMs(summary.timePerRunMs.p50)} (p50), ` +
      `${formatMs(summary.timePerRunMs.p99)} (p99); ${formatMs(summary.workMs)} in all`,
    "",
    paint("bold", "Failures, and whose they are"),
    ...fewLines(failureLines(summary.failures, terminal)),
    "",
  ];
  if (sandbox !== null) {
    const states = Object.entries(sandbox.states).map(([state, runs]) => `${runs} ${state}`);
    lines.push(
      paint("bold", `Sandbox: ${sandbox.driver}, ${printable(sandbox.version)}`),
      `  runs        ${states.join(", ")}`,
      ...wrap("  in force    ", list(sandbox.protections.map(({ name }) => name)), terminal.columns),
      ...(sandbox.missing.length === 0
        ? []
        : wrap("  not here    ", list(sandbox.missing), terminal.columns)),
      ...sandbox.advice.flatMap((advice) => wrap("  stronger    ", printable(advice), terminal.columns)),
      "",
    );
  }
  if (summary.leftOut.length > 0) {
    lines.push(paint("bold", "Left out, because they cannot run here"));
    lines.push(
      ...summary.leftOut.map(({ normalizer, reason }) => `  ${normalizer}  ${printable(reason)}`),
      "",
    );
  }
  if (summary.unexpected.length > 0) {
    lines.push(paint("red", "Not as it should be"));
    lines.push(...fewLines(summary.unexpected.map((what) => `  ${printable(what)}`)), "");
  }
  if (summary.home !== null) lines.push(`Queue, run records and outputs are kept in ${summary.home}`, "");
  lines.push(paint("bold", "Try next"), ...nextCommands(root), "");
  return lines.join("\n");
}

/** One text for each: what failed and how, and below it why. */
function failureLines(failures: readonly DemoFailure[], terminal: Terminal): readonly string[] {
  const { paint, columns } = terminal;
  const idColumns = Math.max(0, ...failures.map(({ normalizer }) => columnsOf(normalizer)));
  const codeColumns = Math.max(0, ...failures.map(({ code }) => code.length));
  return failures.map(({ normalizer, code, message, fault, expected }) => {
    const sign = expected ? paint("yellow", "as meant") : paint("red", "NOT MEANT");
    const why = wrap("      ", printable(message), columns, MOST_LINES_OF_REASON);
    return [
      `  ${sign}  ${pad(normalizer, idColumns)}  ${pad(code, codeColumns)}  ${fault}`,
      ...why.map((line) => paint("dim", line)),
    ].join("\n");
  });
}

/** When everything fails it does so for one reason, mostly. */
function fewLines(lines: readonly string[]): readonly string[] {
  if (lines.length <= MOST_LINES) return lines;
  return [...lines.slice(0, MOST_LINES), `  … and ${lines.length - MOST_LINES} more; --json shows all`];
}

function list(names: readonly string[]): string {
  return names.length === 0 ? "nothing" : names.join(", ");
}

function nextCommands(root: string): readonly string[] {
  const from = (path: string): string => {
    const shown = relative(process.cwd(), join(root, path)) || ".";
    return shown.startsWith("..") ? join(root, path) : shown;
  };
  const whiskers = from("whiskers").includes("/") ? from("whiskers") : `./${from("whiskers")}`;
  return [
    [
      `run ${from("examples/normalizers/nmap-python")} ${from("examples/raws/nmap-tcp")}`,
      "one run, and what came out",
    ],
    [
      `run ${from("examples/misbehaving/invalid")} ${from("examples/raws/dig")} --all`,
      "how a failure is explained",
    ],
    ["doctor", "which sandboxes work here, and what would make them stronger"],
    ["help", "everything else; README.md shows how to write a normalizer"],
  ].map(([command, what]) => `  ${whiskers} ${String(command)}\n      ${String(what)}`);
}
