import { join, relative } from "node:path";

import { formatMs } from "../../domain/quantity.ts";
import { columnsOf, cut, pad } from "../terminal/columns.ts";
import { printable } from "../terminal/printable.ts";
import type { Terminal } from "../terminal/terminal.ts";
import type { DemoFailure, DemoSummary } from "./summary.ts";

const MOST_LINES = 20;

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
      ...wrap(
        "  in force    ",
        sandbox.protections.map(({ name }) => name),
        terminal.columns,
      ),
      ...(sandbox.missing.length === 0 ? [] : wrap("  not here    ", sandbox.missing, terminal.columns)),
      ...sandbox.advice.map((advice) => `  stronger    ${printable(advice)}`),
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

function failureLines(failures: readonly DemoFailure[], terminal: Terminal): readonly string[] {
  const { paint, columns } = terminal;
  const idColumns = Math.max(0, ...failures.map(({ normalizer }) => columnsOf(normalizer)));
  const codeColumns = Math.max(0, ...failures.map(({ code }) => code.length));
  return failures.map(({ normalizer, code, message, fault, expected }) => {
    const sign = expected ? paint("yellow", "as meant") : paint("red", "NOT MEANT");
    const head = `  ${sign}  ${pad(normalizer, idColumns)}  ${pad(code, codeColumns)}  ${pad(fault, 10)}  `;
    const room = Math.max(20, columns - idColumns - codeColumns - (expected ? 26 : 27));
    return head + paint("dim", cut(printable(message), room));
  });
}

/** When everything fails it does so for one reason, mostly. */
function fewLines(lines: readonly string[]): readonly string[] {
  if (lines.length <= MOST_LINES) return lines;
  return [...lines.slice(0, MOST_LINES), `  … and ${lines.length - MOST_LINES} more; --json shows all`];
}

function wrap(head: string, words: readonly string[], columns: number): readonly string[] {
  if (words.length === 0) return [`${head}nothing`];
  const lines: string[] = [];
  let line = head;
  for (const [index, word] of words.entries()) {
    const text = index === words.length - 1 ? word : `${word}, `;
    if (line.length + text.length > columns && line !== head) {
      lines.push(line.trimEnd());
      line = " ".repeat(head.length);
    }
    line += text;
  }
  return [...lines, line];
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
