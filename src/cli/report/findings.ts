import type { OpenKatObject } from "../../domain/record.ts";
import type { Colour, Terminal } from "../terminal/terminal.ts";
import { columnsOf, cut, pad } from "../terminal/columns.ts";
import { printable } from "../terminal/printable.ts";
import { nameOf } from "./relations.ts";

/** Severities of OpenKAT's finding types, gravest first, each with its colour. */
const SEVERITIES: readonly (readonly [string, Colour])[] = [
  ["critical", "red"],
  ["high", "red"],
  ["medium", "yellow"],
  ["low", "cyan"],
  ["recommendation", "blue"],
  ["pending", "dim"],
  ["unknown", "dim"],
];

export interface ShownFinding {
  /** Primary key of the finding. */
  readonly key: string;
  /** Index in SEVERITIES. */
  readonly rank: number;
  readonly severity: string;
  readonly type: string;
  readonly about: string;
  readonly description: string;
}

/**
 * Findings, gravest first: severity (of the finding type, when the output has it), type, the object that it
 * is about, and what it says.
 */
export function findingLines(
  objects: readonly OpenKatObject[],
  { columns, paint }: Terminal,
): readonly string[] {
  const shown = findingsIn(objects);
  const severityColumns = Math.max(0, ...shown.map(({ rank }) => severity(rank)[0].length));
  const typeColumns = Math.min(32, Math.max(0, ...shown.map(({ type }) => columnsOf(type))));
  return shown.flatMap(({ rank, type, about, description }) => {
    const [name, colour] = severity(rank);
    const head = `  ${paint(colour, pad(name, severityColumns))}  ${paint("bold", pad(cut(type, typeColumns), typeColumns))}  `;
    const room = columns - severityColumns - typeColumns - 6;
    const indent = " ".repeat(severityColumns + typeColumns + 6);
    return [
      head + cut(about, room),
      ...(description === "" ? [] : [indent + paint("dim", cut(description, room))]),
    ];
  });
}

/** All findings, printable, gravest first. */
export function findingsIn(objects: readonly OpenKatObject[]): readonly ShownFinding[] {
  const types = new Map(objects.map((object) => [object.primary_key, object]));
  return objects
    .filter(({ object_type: type }) => type === "Finding")
    .map((finding) => describe(finding, types))
    .sort((a, b) => a.rank - b.rank || (a.type < b.type ? -1 : 1));
}

function describe(finding: OpenKatObject, types: ReadonlyMap<string, OpenKatObject>): ShownFinding {
  const typeKey = textOf(finding["finding_type"]);
  const type = types.get(typeKey);
  const about = nameOf(textOf(finding["ooi"]));
  const found = SEVERITIES.findIndex(([name]) => name === textOf(type?.["risk_severity"]));
  const rank = found === -1 ? SEVERITIES.length - 1 : found;
  return {
    key: finding.primary_key,
    rank,
    severity: severity(rank)[0],
    type: printable(nameOf(typeKey).key),
    about: `${printable(about.type)} ${printable(about.key)}`,
    description: printable(
      textOf(finding["description"]) || textOf(type?.["name"]) || textOf(type?.["description"]),
    ),
  };
}

function severity(rank: number): readonly [string, Colour] {
  return SEVERITIES[rank] ?? ["unknown", "dim"];
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}
