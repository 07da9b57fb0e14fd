import type { BenchTable } from "./bench-table.ts";
import type { Distribution } from "./distribution.ts";
import { figure, textTable, type TextColumn } from "./text-table.ts";

const MEGABYTE = 1e6;

const COLUMNS: readonly TextColumn<BenchTable["rows"][number]>[] = [
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
export function benchText({ machine, at, rounds, rows, leftOut, failed }: BenchTable): string {
  return [
    `${Object.entries(machine)
      .map(([key, value]) => `${key} ${value}`)
      .join(", ")}; ${at.slice(0, 10)}`,
    `Medians of ${rounds} interleaved rounds. One run is 4 kB in, 200 objects out; idle memory is proportional.`,
    "",
    ...textTable(COLUMNS, rows),
    ...versions(rows),
    ...(leftOut.length === 0 ? [] : ["", ...leftOut.map((one) => `not here: ${one.runtime}: ${one.reason}`)]),
    ...(failed.length === 0 ? [] : ["", ...failed.map(({ row, reason }) => `failed: ${row}: ${reason}`)]),
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

function megabytes(bytes: Distribution | null): string {
  return bytes === null ? "" : figure(bytes.p50 / MEGABYTE);
}
