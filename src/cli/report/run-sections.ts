import type { LogEntry, Outcome } from "../../domain/outcome.ts";
import { formatBytes, formatMs } from "../../domain/quantity.ts";
import type { Records } from "../../domain/record.ts";
import type { Run } from "../../domain/run.ts";
import { ERRORS } from "../../errors.ts";
import { cut, pad } from "../terminal/columns.ts";
import { printable, printableLines } from "../terminal/printable.ts";
import type { Colour, Terminal } from "../terminal/terminal.ts";

/** Parts of what a person is shown of a run, each some lines, or none. */

const SHOWN_LINES = 20;

/** What is there of them, with a line between. */
export function joined(sections: readonly (readonly string[])[]): string {
  return `${sections
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join("\n"))
    .join("\n\n")}\n`;
}

export function heading(name: string, { outcome, record }: Run, { paint }: Terminal): readonly string[] {
  const status = outcome.status === "succeeded" ? paint("green", "succeeded") : paint("red", "failed");
  return [
    `${paint("bold", printable(record.normalizer.id))} on ${paint("bold", printable(name))}: ${status} in ${formatMs(record.timingsMs.total)}`,
  ];
}

/** Phases and their milliseconds; what took no time, or was not kept, is left out. */
export function shownTimes(times: readonly (readonly [string, number | null])[]): string {
  const taken = times.flatMap(([name, ms]) => (ms !== null && ms > 0 ? [`${name} ${formatMs(ms)}`] : []));
  return taken.length === 0 ? "none to speak of" : taken.join(", ");
}

export function failure(outcome: Outcome, { paint }: Terminal): readonly string[] {
  if (outcome.status === "succeeded") return [];
  const { summary, remedy } = ERRORS[outcome.code];
  const lines = printableLines(outcome.guestError?.stack ?? "").filter((line) => line.trim() !== "");
  // Where there were no frames, the stack only repeats the message.
  const stack = lines.length === 1 && lines[0]?.trim() === printable(outcome.message).trim() ? [] : lines;
  return [
    `  ${paint("red", outcome.code)}  ${printable(outcome.message)}`,
    ...stack.map((line) => `    ${paint("dim", line)}`),
    `  ${summary}`,
    `  ${remedy}`,
  ];
}

/** Success with nothing found is a result, and also what a forgotten `yield` looks like. */
export function emptiness({ outcome, records }: Run): readonly string[] {
  const { objects, declarations, affirmations, scanProfiles, raws, recordsRejected } = records;
  const counts = [objects, declarations, affirmations, scanProfiles, raws].map(({ length }) => length);
  if (outcome.status === "failed" || recordsRejected > 0 || counts.some((count) => count > 0)) return [];
  return ["It gave no records: it succeeded, and found nothing."];
}

export function section(
  title: string,
  count: number,
  lines: readonly string[],
  { paint }: Terminal,
  full: boolean,
): readonly string[] {
  if (count === 0) return [];
  const shown = full ? lines : lines.slice(0, SHOWN_LINES);
  const more = lines.length - shown.length;
  return [
    `${paint("bold", title)}  ${count}`,
    ...shown,
    ...(more > 0 ? [`  ${paint("dim", `… ${more} more lines (--full shows all)`)}`] : []),
  ];
}

export function rejectionSection(records: Records, terminal: Terminal, full: boolean): readonly string[] {
  return section(
    "Rejected records",
    records.recordsRejected,
    rejectionLines(records, terminal),
    terminal,
    full,
  );
}

function rejectionLines({ rejections, rejectionsDropped }: Records, { paint }: Terminal): readonly string[] {
  const lines = rejections.map(({ record, path, reason, objectType }) => {
    const where = `record ${record}${objectType === null ? "" : ` ${printable(objectType)}`}${path === "" ? "" : ` ${printable(path)}`}`;
    return `  ${paint("yellow", where)}  ${printable(reason)}`;
  });
  return rejectionsDropped === 0
    ? lines
    : [...lines, `  ${paint("dim", `… ${rejectionsDropped} more reasons were not kept`)}`];
}

export function logSection(
  { logs, logBytesDropped }: Run,
  terminal: Terminal,
  full: boolean,
): readonly string[] {
  return section("Log", logs.length, logLines(logs, logBytesDropped, terminal), terminal, full);
}

const LEVEL_COLOURS: Readonly<Record<LogEntry["level"], Colour>> = {
  debug: "dim",
  info: "blue",
  warning: "yellow",
  error: "red",
};

function logLines(
  logs: readonly LogEntry[],
  dropped: number,
  { columns, paint }: Terminal,
): readonly string[] {
  return [
    ...logs.map(({ level, message, source }) => {
      const kind = source === "stderr" ? "stderr" : level;
      return `  ${paint(source === "stderr" ? "dim" : LEVEL_COLOURS[level], pad(kind, 7))}  ${cut(printable(message), columns - 11)}`;
    }),
    ...(dropped > 0 ? [`  ${paint("dim", `… ${formatBytes(dropped)} more were not kept`)}`] : []),
  ];
}
