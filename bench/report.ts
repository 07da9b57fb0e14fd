import type { BenchTable } from "../src/bench/bench-table.ts";
import { benchText } from "../src/bench/bench-text.ts";
import { figure, textTable, type TextColumn } from "../src/bench/text-table.ts";
import type { Curve } from "./growth.ts";
import type { LargeRaw } from "./measure-large-raw.ts";
import type { PipelineRow } from "./measure-pipeline.ts";
import type { RecordsRate } from "./measure-records.ts";
import type { SuperviseFigures } from "./measure-supervise.ts";
import type { Verdict } from "./promises.ts";
import { rowKey } from "./row-key.ts";

/** What one call of ./dev bench measured; what it did not is not there. */
export interface Report {
  readonly table?: BenchTable;
  readonly records?: RecordsRate;
  readonly largeRaw?: LargeRaw;
  readonly supervise?: readonly SuperviseFigures[];
  readonly pipeline?: readonly PipelineRow[];
  readonly curves?: readonly Curve[];
  readonly verdicts: readonly Verdict[];
}

/** As a result file has them: figures by name. */
export function measurementsOf({
  table,
  records,
  largeRaw,
  supervise = [],
  pipeline = [],
  curves = [],
}: Report): Readonly<Record<string, object>> {
  return {
    ...Object.fromEntries((table?.rows ?? []).map((row) => [rowKey(row), row])),
    ...(records === undefined ? {} : { records }),
    ...(largeRaw === undefined ? {} : { "large-raw": largeRaw }),
    ...Object.fromEntries(supervise.map((row) => [`${row.state}-${row.database}`, row])),
    ...Object.fromEntries(pipeline.map((row) => [row.name, row])),
    ...Object.fromEntries(curves.map((curve) => [`curve-${curve.name}`, curve])),
  };
}

export function reportText({ verdicts, ...report }: Report): string {
  const { table, records, largeRaw, supervise = [], pipeline = [], curves = [] } = report;
  return [
    ...(table === undefined ? [] : [benchText(table)]),
    ...(records === undefined
      ? []
      : [
          `records: ${records.objects} objects validated at ${figure(records.objectsPerSecond)} a second (JSON.parse alone: ${figure(records.parsedPerSecond)})`,
        ]),
    ...(largeRaw === undefined
      ? []
      : [
          `raw file of ${largeRaw.megabytes} MB: ${figure(largeRaw.megabytesPerSecond)} MB/s; the host grew by ${figure(largeRaw.hostGrowthMegabytes)} MB`,
        ]),
    ...(supervise.length === 0 ? [] : textTable(SUPERVISE_COLUMNS, supervise)),
    ...(pipeline.length === 0 ? [] : textTable(PIPELINE_COLUMNS, pipeline)),
    ...(curves.length === 0 ? [] : ["", ...curves.map(curveLine)]),
    "",
    ...verdicts.map(({ promise, measured, kept }) => `${kept ? "kept  " : "BROKEN"} ${promise}: ${measured}`),
    "",
  ].join("\n");
}

const SUPERVISE_COLUMNS: readonly TextColumn<SuperviseFigures>[] = [
  { head: ["", "state"], cell: ({ state }) => state, text: true },
  { head: ["", "database"], cell: ({ database }) => database, text: true },
  { head: ["", "tasks/s"], cell: ({ tasksPerSecond }) => figure(tasksPerSecond) },
  { head: ["CPU ms a task", "supervisor"], cell: ({ cpuMsPerTask }) => figure(cpuMsPerTask.supervisor) },
  { head: ["", "sandboxes"], cell: ({ cpuMsPerTask }) => figure(cpuMsPerTask.sandboxes) },
  { head: ["", "database"], cell: ({ cpuMsPerTask }) => figure(cpuMsPerTask.database) },
  { head: ["", "services"], cell: ({ cpuMsPerTask }) => figure(cpuMsPerTask.services) },
  { head: ["", "peak MB"], cell: ({ memory }) => figure(memory.peakBytes / 1e6) },
];

const PIPELINE_COLUMNS: readonly TextColumn<PipelineRow>[] = [
  { head: ["", "case"], cell: ({ name }) => name, text: true },
  { head: ["", "tasks/s"], cell: ({ tasksPerSecond }) => figure(tasksPerSecond.p50) },
  { head: ["", "objects/s"], cell: ({ objectsPerSecond }) => figure(objectsPerSecond.p50) },
  { head: ["", "raw MB/s"], cell: ({ rawBytesPerSecond }) => figure(rawBytesPerSecond.p50 / 1e6) },
  { head: ["CPU ms a task", "supervisor"], cell: ({ supervisorCpuMs }) => figure(supervisorCpuMs.p50) },
  { head: ["", "sandboxes"], cell: ({ sandboxesCpuMs }) => figure(sandboxesCpuMs.p50) },
  { head: ["", "database"], cell: ({ databaseCpuMs }) => figure(databaseCpuMs.p50) },
  { head: ["", "services"], cell: ({ servicesCpuMs }) => figure(servicesCpuMs.p50) },
];

function curveLine({ name, per, points, exponent, lastExponent, verdict }: Curve): string {
  const values = points.map(
    ({ at, cpuMs }) => `${at.toLocaleString("en-GB")}: ${Number(cpuMs.toPrecision(3))}`,
  );
  return `${name}, CPU ms a ${per}: ${values.join(", ")}; exponent ${exponent.toFixed(2)}, at the end ${lastExponent.toFixed(2)}: ${verdict}`;
}
