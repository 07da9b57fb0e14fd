/**
 * ./dev bench: what `whiskers bench` measures, with Docker and gVisor beside it where they are installed, and what
 * SPECIFICATION.md promises about time, held against it. `./dev bench --help` lists the options.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";

import { benchChart } from "../src/bench/bench-chart.ts";
import type { BenchTable } from "../src/bench/bench-table.ts";
import { benchText } from "../src/bench/bench-text.ts";
import { BENCH_RUNTIMES, chooseDrivers, QUICK_RUNTIMES } from "../src/bench/choose-drivers.ts";
import { measureBench, QUICK, WHOLE } from "../src/bench/measure-bench.ts";
import { openStages } from "../src/cli/open-stages.ts";
import { progressBar } from "../src/cli/progress-bar.ts";
import { describeTerminal } from "../src/cli/terminal/terminal.ts";
import { readSettings } from "../src/config/settings.ts";
import { baseRoot } from "../test/fixtures/base-root.ts";
import { debianKernel } from "../test/fixtures/debian-kernel.ts";
import { startDockerEngine, whyNoDockerEngine } from "../test/fixtures/docker-engine.ts";
import { type LargeRaw, measureLargeRaw } from "./measure-large-raw.ts";
import { measureMicrovm, type MicrovmFigures } from "./measure-microvm.ts";
import { measureRecords, type RecordsRate } from "./measure-records.ts";
import { measureSupervise, type SuperviseFigures } from "./measure-supervise.ts";
import { moreWays } from "./more-ways.ts";
import { judgeRest, judgeRows, judgeSupervise, type Verdict } from "./promises.ts";
import { rowKey } from "./row-key.ts";
import { saveResult } from "./save-result.ts";

const HELP = `./dev bench [OPTION...]

  --runtime NAME   only this runtime, as often as wanted: ${BENCH_RUNTIMES.join(", ")}
  --quick          fewer repetitions; without containers and machines unless they are named
  --supervise      the supervisor at work, instead; takes minutes
  --machines       boots, restores, memory and device of virtual machines, instead, as JSON
  --json           one JSON document
  --svg FILE       write a chart, too
  --save           keep the figures in bench/results, for documents to quote
  --check          exit code 1 when a promise is broken
`;

interface Options {
  readonly runtimes: readonly string[];
  readonly quick: boolean;
}

interface Report {
  readonly table: BenchTable | null;
  readonly records: RecordsRate | null;
  readonly largeRaw: LargeRaw | null;
  readonly supervise: readonly SuperviseFigures[];
  readonly verdicts: readonly Verdict[];
}

await main();

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      help: { type: "boolean" },
      runtime: { type: "string", multiple: true },
      json: { type: "boolean" },
      quick: { type: "boolean" },
      check: { type: "boolean" },
      supervise: { type: "boolean" },
      machines: { type: "boolean" },
      save: { type: "boolean" },
      svg: { type: "string" },
    },
  });
  if (values.help === true) {
    process.stdout.write(HELP);
    return;
  }
  if (values.machines === true) {
    const figures = await measureMachines();
    if (values.save === true) saveResult("microvm", "qemu", figures);
    process.stdout.write(`${JSON.stringify(figures, null, 2)}\n`);
    return;
  }
  const quick = values.quick === true;
  const runtimes = values.runtime ?? (quick ? QUICK_RUNTIMES : BENCH_RUNTIMES);
  const report = await (values.supervise === true
    ? measurePipeline(quick ? 400 : 3000)
    : measureRuns({ runtimes, quick }));
  if (values.svg !== undefined && report.table !== null) writeFileSync(values.svg, benchChart(report.table));
  if (values.save === true) save(report);
  process.stdout.write(values.json === true ? `${JSON.stringify(report, null, 2)}\n` : asText(report));
  if (values.check === true && report.verdicts.some(({ kept }) => !kept)) process.exitCode = 1;
}

async function measureMachines(): Promise<MicrovmFigures> {
  const folder = mkdtempSync(join(tmpdir(), "whiskers-bench-machines-"));
  try {
    return await measureMicrovm({
      root: await baseRoot("python:3.11"),
      kernel: await debianKernel(),
      folder,
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Every runtime, on a home and an engine of the bench's own. */
async function measureRuns({ runtimes, quick }: Options): Promise<Report> {
  const home = mkdtempSync(join(tmpdir(), "whiskers-bench-home-"));
  await using undo = new AsyncDisposableStack();
  undo.defer(() => {
    rmSync(home, { recursive: true, force: true });
  });
  const withDocker = runtimes.some((name) => name.startsWith("docker")) && whyNoDockerEngine() === undefined;
  const engine = withDocker ? await startDockerEngine() : null;
  undo.defer(async () => engine?.close());
  const dockerHost = engine === null ? null : `unix://${engine.socket}`;
  const settings = readSettings({
    WHISKERS_HOME: home,
    // The same interpreter inside and outside, so that only the sandbox differs.
    WHISKERS_PYTHON: "/usr/bin/python3",
    ...(dockerHost === null ? {} : { WHISKERS_DOCKER_HOST: dockerHost }),
  });
  const stages = undo.use(openStages(settings, () => Promise.reject(new Error("bench fetches nothing"))));
  const drivers = chooseDrivers(runtimes, stages.runtimes);
  const terminal = describeTerminal(process.stderr, process.env);
  const bar = progressBar(
    1000,
    terminal,
    (text) => void process.stderr.write(text),
    (parts) => `${parts / 10} %`,
  );
  undo.defer(() => {
    bar.end();
  });
  const table = await measureBench({
    ...(quick ? QUICK : WHOLE),
    catalogue: stages.catalogue,
    drivers,
    python: settings.python ?? "/usr/bin/python3",
    dockerHost,
    more: await moreWays(drivers, settings),
    signal: new AbortController().signal,
    onProgress: (done, total, row) => {
      bar.advance(Math.round((done / total) * 1000), row);
    },
  });
  bar.end();
  const records = await measureRecords(quick ? 20_000 : 100_000);
  const first = stages.runtimes.drivers.slice(0, 1);
  const largeRaw = await measureLargeRaw({ drivers: first, home, megabytes: quick ? 50 : 200 });
  const verdicts = [...judgeRows(table.rows), ...judgeRest({ records, largeRaw })];
  return { table, records, largeRaw, supervise: [], verdicts };
}

/** Both state policies on both databases. */
async function measurePipeline(tasks: number): Promise<Report> {
  const supervise: SuperviseFigures[] = [];
  for (const database of ["server", "embedded"] as const) {
    for (const state of ["reuse", "fork"] as const)
      supervise.push(
        await measureSupervise({ tasks, warmUp: Math.ceil(tasks / 4), state, slots: 4, database }),
      );
  }
  return { table: null, records: null, largeRaw: null, supervise, verdicts: judgeSupervise(supervise) };
}

function save({ table, records, largeRaw }: Report): void {
  for (const row of table?.rows ?? []) saveResult("runs", rowKey(row), row);
  if (records !== null) saveResult("runs", "records", records);
  if (largeRaw !== null) saveResult("runs", "large-raw", largeRaw);
}

function asText({ table, records, largeRaw, supervise, verdicts }: Report): string {
  return [
    ...(table === null ? [] : [benchText(table)]),
    ...(records === null
      ? []
      : [
          `records: ${records.objects} objects validated at ${Math.round(records.objectsPerSecond)} a second (JSON.parse alone: ${Math.round(records.parsedPerSecond)})`,
        ]),
    ...(largeRaw === null
      ? []
      : [
          `raw file of ${largeRaw.megabytes} MB: ${Math.round(largeRaw.megabytesPerSecond)} MB/s; the host grew by ${Math.round(largeRaw.hostGrowthMegabytes)} MB`,
        ]),
    ...superviseTable(supervise),
    "",
    ...verdicts.map(({ promise, measured, kept }) => `${kept ? "kept  " : "BROKEN"} ${promise}: ${measured}`),
    "",
  ].join("\n");
}

function superviseTable(rows: readonly SuperviseFigures[]): readonly string[] {
  if (rows.length === 0) return [];
  return [
    "supervisor   database  tasks/s  processor ms/task: supervisor sandboxes database services  peak MB",
    ...rows.map(({ state, database, tasksPerSecond, cpuMsPerTask: cpu, memory }) =>
      [
        state.padEnd(12),
        database.padEnd(9),
        tasksPerSecond.toFixed(0).padStart(7),
        cpu.supervisor.toFixed(2).padStart(30),
        cpu.sandboxes.toFixed(2).padStart(9),
        cpu.database.toFixed(2).padStart(8),
        cpu.services.toFixed(2).padStart(8),
        (memory.peakBytes / 1024 ** 2).toFixed(0).padStart(8),
      ].join(" "),
    ),
  ];
}
