import type { LogEntry, Outcome } from "../../domain/outcome.ts";
import { formatBytes, formatMs } from "../../domain/quantity.ts";
import type { Records } from "../../domain/record.ts";
import type { Phase, Run, RunRecord } from "../../domain/run.ts";
import { ERRORS } from "../../errors.ts";
import { cut, pad } from "../terminal/columns.ts";
import { printable, printableLines } from "../terminal/printable.ts";
import type { Colour, Terminal } from "../terminal/terminal.ts";
import { findingLines } from "./findings.ts";
import { objectLines } from "./objects.ts";

const SHOWN_LINES = 20;

/**
 * Everything that a person wants to know of one run: what became of it, findings first, and how it went.
 * @param recordsGone its records were delivered and are not kept
 */
export function runReport(
  name: string,
  run: Run,
  terminal: Terminal,
  full: boolean,
  recordsGone = false,
): string {
  const { records, logs, record } = run;
  const findings = findingLines(records.objects, terminal);
  const findingCount = records.objects.filter(({ object_type: type }) => type === "Finding").length;
  const objects = records.objects.filter(({ object_type: type }) => type !== "Finding");
  const sections: readonly (readonly string[])[] = [
    heading(name, run, terminal),
    failure(run.outcome, terminal),
    recordsGone ? [] : emptiness(run),
    section("Rejected records", records.recordsRejected, rejectionLines(records, terminal), terminal, full),
    section("Findings", findingCount, findings, terminal, full),
    section("Objects", objects.length, objectLines(objects, terminal, full), terminal, true),
    section(
      "Declarations",
      records.declarations.length,
      objectLines(
        records.declarations.map(({ object }) => object),
        terminal,
        full,
      ),
      terminal,
      true,
    ),
    section(
      "Affirmations",
      records.affirmations.length,
      objectLines(
        records.affirmations.map(({ object }) => object),
        terminal,
        full,
      ),
      terminal,
      true,
    ),
    section(
      "Scan profiles",
      records.scanProfiles.length,
      records.scanProfiles.map(({ reference, level }) => `  level ${level}  ${printable(reference)}`),
      terminal,
      full,
    ),
    section(
      "Derived raw files",
      records.raws.length,
      records.raws.map(
        ({ mime_types: types, content }) =>
          `  ${formatBytes(content.length)}  ${printable(types.join(", "))}`,
      ),
      terminal,
      full,
    ),
    section("Log", logs.length, logLines(logs, run.logBytesDropped, terminal), terminal, full),
    facts(record, terminal),
  ];
  return `${sections
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join("\n"))
    .join("\n\n")}\n`;
}

function heading(name: string, { outcome, record }: Run, { paint }: Terminal): readonly string[] {
  const status = outcome.status === "succeeded" ? paint("green", "succeeded") : paint("red", "failed");
  return [
    `${paint("bold", printable(record.normalizer.id))} on ${paint("bold", printable(name))}: ${status} in ${formatMs(record.timingsMs.total)}`,
  ];
}

function failure(outcome: Outcome, { paint }: Terminal): readonly string[] {
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
function emptiness({ outcome, records }: Run): readonly string[] {
  const { objects, declarations, affirmations, scanProfiles, raws, recordsRejected } = records;
  const counts = [objects, declarations, affirmations, scanProfiles, raws].map(({ length }) => length);
  if (outcome.status === "failed" || recordsRejected > 0 || counts.some((count) => count > 0)) return [];
  return ["It gave no records: it succeeded, and found nothing."];
}

function section(
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

function rejectionLines({ rejections, rejectionsDropped }: Records, { paint }: Terminal): readonly string[] {
  const lines = rejections.map(({ record, path, reason, objectType }) => {
    const where = `record ${record}${objectType === null ? "" : ` ${printable(objectType)}`}${path === "" ? "" : ` ${printable(path)}`}`;
    return `  ${paint("yellow", where)}  ${printable(reason)}`;
  });
  return rejectionsDropped === 0
    ? lines
    : [...lines, `  ${paint("dim", `… ${rejectionsDropped} more reasons were not kept`)}`];
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

const PHASES: readonly Phase[] = ["package", "fetch", "prepare", "open", "run", "validate", "deliver"];

const MODELS = {
  none: "",
  installed: ", with the installed classes of OpenKAT",
  "stand-in": ", with the stand-in for OpenKAT's classes",
} as const;

/** How it went: times, what was used, what kept it in, and which code and input it was. */
function facts(record: RunRecord, { paint }: Terminal): readonly string[] {
  const { timingsMs, usage, environment, runtime, protections } = record;
  const missing = protections.filter(({ by }) => by === null).map(({ name }) => name);
  const used = [
    usage.cpuMs === null ? null : `${formatMs(usage.cpuMs)} of CPU`,
    usage.peakMemoryBytes === null ? null : `${formatBytes(usage.peakMemoryBytes)} of memory at most`,
  ].filter((text) => text !== null);
  const inForce = protections.length - missing.length;
  const rows: readonly (readonly [string, string])[] = [
    ["Times", PHASES.map((phase) => `${phase} ${formatMs(timingsMs[phase])}`).join(", ")],
    ["Used", used.join(", ") || "not known with this runtime"],
    ["Ran", `${environment.name} ${environment.version}`.trim() + MODELS[record.models ?? "none"]],
    [
      "Sandbox",
      inForce === 0
        ? `${runtime.driver}: NONE, the normalizer ran with all rights of this user`
        : `${runtime.driver} (${runtime.version}), state ${record.state}, ${inForce} of ${protections.length} protections` +
          (missing.length === 0 ? "" : `; not in force: ${missing.join(", ")}`),
    ],
    ["Package", record.packageDigest],
    ["Raw file", `${formatBytes(record.rawBytes)}, sha256:${record.rawSha256}`],
    ["Output", `sha256:${record.outputSha256}`],
  ];
  return rows.map(([title, text]) => `${paint("dim", pad(title, 8))}  ${paint("dim", printable(text))}`);
}
