import { formatBytes, formatMs } from "../../domain/quantity.ts";
import { PHASES, type Run, type RunRecord } from "../../domain/run.ts";
import { pad } from "../terminal/columns.ts";
import { printable } from "../terminal/printable.ts";
import type { Terminal } from "../terminal/terminal.ts";
import { findingLines } from "./findings.ts";
import { objectLines } from "./objects.ts";
import {
  emptiness,
  failure,
  heading,
  joined,
  logSection,
  rejectionSection,
  section,
  shownTimes,
} from "./run-sections.ts";

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
  const { records, record } = run;
  const findings = findingLines(records.objects, terminal);
  const findingCount = records.objects.filter(({ object_type: type }) => type === "Finding").length;
  const objects = records.objects.filter(({ object_type: type }) => type !== "Finding");
  const sections: readonly (readonly string[])[] = [
    heading(name, run, terminal),
    failure(run.outcome, terminal),
    recordsGone ? [] : emptiness(run),
    rejectionSection(records, terminal, full),
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
    logSection(run, terminal, full),
    facts(record, terminal),
  ];
  return joined(sections);
}

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
    ["Times", shownTimes(PHASES.map((phase) => [phase, timingsMs[phase]]))],
    ...(record.cached === undefined
      ? []
      : [["Kept", `not run: run ${record.cached} had given this output for the same input`] as const]),
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
