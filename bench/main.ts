/**
 * ./dev bench: what `whiskers bench` measures, with Docker and gVisor beside it where they are installed, and what
 * SPECIFICATION.md promises about time, held against it. `./dev bench --help` lists the options.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";

import { benchChart } from "../src/bench/bench-chart.ts";
import { BENCH_RUNTIMES, chooseDrivers, QUICK_RUNTIMES } from "../src/bench/choose-drivers.ts";
import { describeMachine } from "../src/bench/machine.ts";
import { BENCH_ROOT } from "../src/bench/subject.ts";
import { measureBench, QUICK, WHOLE } from "../src/bench/measure-bench.ts";
import { openStages } from "../src/cli/open-stages.ts";
import { progressBar } from "../src/cli/progress-bar.ts";
import { describeTerminal } from "../src/cli/terminal/terminal.ts";
import { readSettings } from "../src/config/settings.ts";
import { codeOf, messageOf } from "../src/domain/unknown.ts";
import { ERRORS, WhiskersError } from "../src/errors.ts";
import { baseRoot, shareRoot } from "../test/fixtures/base-root.ts";
import { debianKernel } from "../test/fixtures/debian-kernel.ts";
import { startDockerEngine, whyNoDockerEngine } from "../test/fixtures/docker-engine.ts";
import { type Change, compareResults, compareText, surroundingsText } from "./compare.ts";
import { curvesOf, growthCases } from "./growth.ts";
import { measureLargeRaw } from "./measure-large-raw.ts";
import { measureMicrovm, type MicrovmFigures, QUICK_MACHINES, WHOLE_MACHINES } from "./measure-microvm.ts";
import { measurePipeline, type PipelineCase, pipelineCases, type PipelineRow } from "./measure-pipeline.ts";
import { measureRecords } from "./measure-records.ts";
import { measureSupervise, type SuperviseFigures } from "./measure-supervise.ts";
import { moreWays } from "./more-ways.ts";
import { judgeGrowth, judgePipeline, judgeRest, judgeRows, judgeSupervise } from "./promises.ts";
import { measurementsOf, type Report, reportText } from "./report.ts";
import { type ResultFile, saveResult } from "./save-result.ts";

const HELP = `./dev bench [OPTION...]

Measures one run in every runtime, records and large raw files, or instead:
  --pipeline       the supervisor at work: by slots, supervisors, raw size, objects and runtime
  --growth         what a task costs more with: queued tasks, packages, raw size, objects
  --supervise      the supervisor by state policy and database, with its memory
  --machines       boots, restores, memory and device of virtual machines, as JSON

  --runtime NAME   only this runtime, as often as wanted: ${BENCH_RUNTIMES.join(", ")}
  --case NAME      of --pipeline and --growth only those that begin so, as often as wanted: fork, raw, queued
  --quick          fewer repetitions; without containers and machines unless they are named
  --rounds N       so many rounds
  --budget MS      for each figure of a row in a round
  --minutes N      no more rounds than fit in so many
  --json           one JSON document
  --svg FILE       write a chart of the runs, too
  --save           keep the figures in bench/results, for documents to quote
  --check          exit code 1 when a promise is broken
  --compare FILE   say what moved beyond its noise since a result file
  --of FILE        compare this result file with it, instead of measuring
  --fail-if-worse  exit code 1 when something of that got worse

Exit codes: 0 measured; 1 as said above; 2 wrong usage; 3 a runtime failed while it was measured.
`;

interface Options {
  readonly runtimes: readonly string[];
  readonly quick: boolean;
  readonly rounds: number | undefined;
  readonly budgetMs: number | undefined;
  readonly mostMs: number | undefined;
  /** Beginnings of names; undefined: all. */
  readonly cases: readonly string[] | undefined;
}

process.exitCode = await main().catch((error: unknown) => {
  process.stderr.write(`bench: ${messageOf(error)}\n`);
  if (codeOf(error)?.startsWith("ERR_PARSE_ARGS_") === true) return 2;
  return error instanceof WhiskersError ? ERRORS[error.code].exitCode : 3;
});

/** @returns the exit code */
async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      help: { type: "boolean" },
      runtime: { type: "string", multiple: true },
      json: { type: "boolean" },
      quick: { type: "boolean" },
      rounds: { type: "string" },
      budget: { type: "string" },
      minutes: { type: "string" },
      case: { type: "string", multiple: true },
      check: { type: "boolean" },
      supervise: { type: "boolean" },
      machines: { type: "boolean" },
      pipeline: { type: "boolean" },
      growth: { type: "boolean" },
      save: { type: "boolean" },
      svg: { type: "string" },
      compare: { type: "string" },
      of: { type: "string" },
      "fail-if-worse": { type: "boolean" },
    },
  });
  if (values.help === true) {
    process.stdout.write(HELP);
    return 0;
  }
  if (values.of !== undefined) {
    if (values.compare === undefined) throw new WhiskersError("usage", "--of FILE needs --compare FILE");
    const changes = tellChanges(readResult(values.compare), readResult(values.of), process.stdout);
    return values["fail-if-worse"] === true && changes.some(({ worse }) => worse) ? 1 : 0;
  }
  if (values.machines === true) {
    const figures = await measureMachines(values.quick === true);
    if (values.save === true) saveResult("microvm", "qemu", figures);
    process.stdout.write(`${JSON.stringify(figures, null, 2)}\n`);
    return 0;
  }
  const quick = values.quick === true;
  const before = values.compare === undefined ? null : readResult(values.compare);
  const options: Options = {
    runtimes: values.runtime ?? (quick ? QUICK_RUNTIMES : BENCH_RUNTIMES),
    quick,
    rounds: values.rounds === undefined ? undefined : Number(values.rounds),
    budgetMs: values.budget === undefined ? undefined : Number(values.budget),
    mostMs: values.minutes === undefined ? undefined : Number(values.minutes) * 60_000,
    cases: values.case,
  };
  const [topic, report] = await measureTopic(values, options);
  const measurements = measurementsOf(report);
  if (values.svg !== undefined && report.table !== undefined)
    writeFileSync(values.svg, benchChart(report.table));
  if (values.save === true)
    for (const [name, figures] of Object.entries(measurements)) saveResult(topic, name, figures);
  process.stdout.write(values.json === true ? `${JSON.stringify(report, null, 2)}\n` : reportText(report));
  if (report.table !== undefined && report.table.failed.length > 0) return 3;
  // Nothing that is promised was measured: that is no promise kept.
  if (values.check === true && report.verdicts.length === 0)
    throw new WhiskersError("usage", "--check: nothing of what was measured is promised");
  const broken = values.check === true && report.verdicts.some(({ kept }) => !kept);
  if (before === null) return broken ? 1 : 0;
  // Standard output has one document.
  const output = values.json === true ? process.stderr : process.stdout;
  const now = {
    machine: describeMachine(),
    measurements: { ...measurements, now: { loadAverage: loadavg()[0] } },
  };
  const changes = tellChanges(before, now, output);
  return broken || (values["fail-if-worse"] === true && changes.some(({ worse }) => worse)) ? 1 : 0;
}

function tellChanges(
  before: ResultFile,
  now: Pick<ResultFile, "machine" | "measurements">,
  output: NodeJS.WriteStream,
): readonly Change[] {
  const compared = compareResults(before.measurements, now.measurements);
  if (compared.compared === 0)
    throw new WhiskersError(
      "usage",
      "nothing was measured in several rounds both then and now: there is nothing to compare",
    );
  output.write(surroundingsText(before, now) + compareText(compared));
  return compared.changes;
}

async function measureMachines(quick: boolean): Promise<MicrovmFigures> {
  const folder = mkdtempSync(join(tmpdir(), "whiskers-bench-machines-"));
  try {
    const subject = { root: await baseRoot("python:3.11"), kernel: await debianKernel(), folder };
    return await measureMicrovm(subject, quick ? QUICK_MACHINES : WHOLE_MACHINES);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function measureTopic(
  wanted: { readonly pipeline?: boolean; readonly growth?: boolean; readonly supervise?: boolean },
  options: Options,
): Promise<readonly [topic: string, report: Report]> {
  if (wanted.supervise === true) return ["supervise", await superviseReport(options.quick ? 400 : 3000)];
  if (wanted.pipeline === true) {
    const pipeline = await inCases(pipelineCases(options.quick), options);
    return ["pipeline", { pipeline, verdicts: judgePipeline(pipeline) }];
  }
  if (wanted.growth === true) {
    const pipeline = await inCases(growthCases(options.quick), options);
    const curves = curvesOf(pipeline);
    return ["growth", { pipeline, curves, verdicts: judgeGrowth(curves) }];
  }
  return ["runs", await runsReport(options)];
}

function readResult(file: string): ResultFile {
  return JSON.parse(readFileSync(file, "utf8")) as ResultFile;
}

async function inCases(
  cases: readonly PipelineCase[],
  { quick, rounds, mostMs, cases: wanted = [""] }: Options,
): Promise<readonly PipelineRow[]> {
  using bar = progress();
  const chosen = cases.filter(({ name }) => wanted.some((beginning) => name.startsWith(beginning)));
  return await measurePipeline(chosen, rounds ?? (quick ? 1 : 3), bar.show, mostMs);
}

/** On a terminal, on standard error. */
function progress(): Disposable & { readonly show: (done: number, total: number, what: string) => void } {
  const write = (text: string): void => void process.stderr.write(text);
  const terminal = describeTerminal(process.stderr, process.env);
  const bar = progressBar(1000, terminal, write, (parts) => `${parts / 10} %`);
  return {
    show: (done, total, what) => {
      bar.advance(Math.round((done / total) * 1000), what);
    },
    [Symbol.dispose]: () => {
      bar.end();
    },
  };
}

/** Every runtime, on a home and an engine of the bench's own. */
async function runsReport({ runtimes, quick, rounds, budgetMs, mostMs }: Options): Promise<Report> {
  const home = mkdtempSync(join(tmpdir(), "whiskers-bench-home-"));
  await using undo = new AsyncDisposableStack();
  undo.defer(() => {
    rmSync(home, { recursive: true, force: true });
  });
  // For `docker run`, which everything is compared with.
  const wanted = !quick || runtimes.some((name) => name.startsWith("docker"));
  const withDocker = wanted && whyNoDockerEngine() === undefined;
  const engine = withDocker ? await startDockerEngine() : null;
  undo.defer(async () => engine?.close());
  const dockerHost = engine === null ? null : `unix://${engine.socket}`;
  const withMachines = runtimes.some((name) => name.startsWith("microvm"));
  if (withMachines) await shareRoot(home, BENCH_ROOT);
  const settings = readSettings({
    WHISKERS_HOME: home,
    ...(withMachines ? { WHISKERS_MICROVM_KERNEL: await debianKernel() } : {}),
    // The same interpreter inside and outside, so that only the sandbox differs.
    WHISKERS_PYTHON: "/usr/bin/python3",
    ...(dockerHost === null ? {} : { WHISKERS_DOCKER_HOST: dockerHost }),
  });
  const stages = undo.use(openStages(settings, () => Promise.reject(new Error("bench fetches nothing"))));
  const drivers = chooseDrivers(runtimes, stages.runtimes);
  using bar = progress();
  const table = await measureBench({
    ...(quick ? QUICK : WHOLE),
    ...(rounds === undefined ? {} : { rounds }),
    ...(budgetMs === undefined ? {} : { budgetMs }),
    mostMs,
    catalogue: stages.catalogue,
    drivers,
    python: settings.python ?? "/usr/bin/python3",
    dockerHost,
    more: await moreWays(drivers, settings),
    signal: new AbortController().signal,
    onProgress: bar.show,
  });
  const records = await measureRecords(quick ? 20_000 : 100_000);
  const first = stages.runtimes.drivers.slice(0, 1);
  const largeRaw = await measureLargeRaw({ drivers: first, home, megabytes: quick ? 50 : 200 });
  const verdicts = [...judgeRows(table.rows), ...judgeRest({ records, largeRaw })];
  return { table, records, largeRaw, verdicts };
}

/** Both state policies on both databases. */
async function superviseReport(tasks: number): Promise<Report> {
  const supervise: SuperviseFigures[] = [];
  for (const database of ["server", "embedded"] as const) {
    for (const state of ["reuse", "fork"] as const)
      supervise.push(
        await measureSupervise({ tasks, warmUp: Math.ceil(tasks / 4), state, slots: 4, database }),
      );
  }
  return { supervise, verdicts: judgeSupervise(supervise) };
}
