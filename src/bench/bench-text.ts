import type { BenchTable } from "./bench-table.ts";
import type { Distribution } from "./distribution.ts";

const MEGABYTE = 1e6;

interface Column {
  readonly head: readonly [string, string];
  readonly cell: (row: BenchTable["rows"][number]) => string;
  /** Texts stand at the left, figures at the right. */
  readonly text?: true;
}

const COLUMNS: readonly Column[] = [
  { head: ["", "runtime"], cell: ({ runtime }) => runtime, text: true },
  { head: ["", "state"], cell: ({ how }) => how, text: true },
  { head: ["", "language"], cell: ({ language }) => language, text: true },
  { head: ["× faster than", "docker run"], cell: ({ timesFaster }) => figure(timesFaster.thanDockerRun) },
  { head: ["", "python3 -c"], cell: ({ timesFaster }) => figure(timesFaster.thanPython) },
  { head: ["cold start", "ms"], cell: ({ startMs }) => figure(startMs?.p50) },
  { head: ["run", "p50 ms"], cell: ({ runMs }) => figure(runMs.p50) },
  { head: ["", "p99 ms"], cell: ({ runMs }) => figure(runMs.p99) },
  { head: ["", "spread"], cell: ({ runMs }) => `${Math.round(runMs.spread * 100)} %` },
  { head: ["all cores", "runs/s"], cell: ({ runsPerSecond }) => figure(runsPerSecond.p50) },
  { head: ["idle, MB", "one"], cell: ({ idleBytes }) => megabytes(idleBytes) },
  { head: ["", "ten"], cell: ({ idleBytesOfTen }) => megabytes(idleBytesOfTen) },
];

/** The table as text for people, with what it was measured on and what was left out. */
export function benchText({ machine, at, rounds, rows, leftOut }: BenchTable): string {
  const cells = [
    COLUMNS.map(({ head }) => head[0]),
    COLUMNS.map(({ head }) => head[1]),
    ...rows.map((row) => COLUMNS.map(({ cell }) => cell(row))),
  ];
  const widths = COLUMNS.map((_, nth) => Math.max(...cells.map((line) => line[nth]?.length ?? 0)));
  const table = cells.map((line) =>
    line
      .map((cell, nth) =>
        COLUMNS[nth]?.text === true ? cell.padEnd(widths[nth] ?? 0) : cell.padStart(widths[nth] ?? 0),
      )
      .join("  ")
      .trimEnd(),
  );
  return [
    `${Object.entries(machine)
      .map(([key, value]) => `${key} ${value}`)
      .join(", ")}; ${at.slice(0, 10)}`,
    `Medians of ${rounds} interleaved rounds. One run is 4 kB in, 200 objects out; idle memory is proportional.`,
    "",
    ...table,
    ...versions(rows),
    ...(leftOut.length === 0 ? [] : ["", ...leftOut.map((one) => `not here: ${one.runtime}: ${one.reason}`)]),
    "",
  ].join("\n");
}

function versions(rows: BenchTable["rows"]): readonly string[] {
  const byRuntime = Map.groupBy(rows, ({ runtime }) => runtime);
  return [
    "",
    ...[...byRuntime].map(
      ([runtime, of]) => `${runtime}: ${[...new Set(of.map(({ version }) => version))].join(", ")}`,
    ),
  ];
}

/** With three digits that count. */
export function figure(value: number | null | undefined): string {
  if (value === null || value === undefined) return "";
  if (value >= 100) return Math.round(value).toLocaleString("en-GB");
  return value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

function megabytes(bytes: Distribution | null): string {
  return bytes === null ? "" : figure(bytes.p50 / MEGABYTE);
}
