/**
 * ./dev bench: what SPECIFICATION.md promises about time, measured in one run.
 * --json prints one document; --quick measures less; --check exits 1 when a promise is broken; --supervise measures
 * the supervisor at work too, which takes minutes; --containers measures only containers, beside what others make.
 */
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";

import { createInlineDriver } from "../src/sandbox/drivers/inline/create-inline-driver.ts";
import { createOciDriver } from "../src/sandbox/drivers/oci/create-oci-driver.ts";
import { createSubprocessDriver } from "../src/sandbox/drivers/subprocess/create-subprocess-driver.ts";
import type { Driver } from "../src/sandbox/driver.ts";
import { benchMachine } from "./bench-machine.ts";
import { measureContainers } from "./measure-containers.ts";
import { measureLargeRaw } from "./measure-large-raw.ts";
import { measureOverhead, type OverheadRow } from "./measure-overhead.ts";
import { measureRecords } from "./measure-records.ts";
import { measureSupervise, type SuperviseFigures } from "./measure-supervise.ts";
import { judgePromises, judgeSupervise, type Verdict } from "./promises.ts";

await main();

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      json: { type: "boolean" },
      quick: { type: "boolean" },
      check: { type: "boolean" },
      supervise: { type: "boolean" },
      containers: { type: "boolean" },
    },
  });
  const quick = values.quick === true;
  const home = mkdtempSync(join(tmpdir(), "whiskers-bench-home-"));
  try {
    const python = systemPython();
    if (values.containers === true) {
      const measured = await measureContainers({
        python,
        home,
        rounds: quick ? 2 : 5,
        runs: quick ? 40 : 200,
      });
      const report = { machine: machine(python), ...measured };
      process.stdout.write(
        values.json === true ? `${JSON.stringify(report, null, 2)}\n` : containersAsText(report),
      );
      return;
    }
    const drivers = driversFor(home, python, quick);
    const overhead = await measureOverhead({
      drivers,
      python,
      home,
      rounds: quick ? 2 : 4,
      runs: quick ? 100 : 300,
    });
    const records = await measureRecords(quick ? 20_000 : 100_000);
    const largeRaw = await measureLargeRaw({ drivers, home, megabytes: quick ? 50 : 200 });
    const supervise = values.supervise === true ? await superviseRows(quick ? 400 : 3000) : [];
    const verdicts = [...judgePromises({ overhead, records, largeRaw }), ...judgeSupervise(supervise)];
    const report = { machine: machine(python), overhead, records, largeRaw, supervise, verdicts };
    process.stdout.write(values.json === true ? `${JSON.stringify(report, null, 2)}\n` : asText(report));
    if (values.check === true && verdicts.some(({ kept }) => !kept)) process.exitCode = 1;
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}

/** Every way to run a guest here. The two ways of making a sandbox are measured side by side. */
function driversFor(home: string, python: string, quick: boolean): readonly Driver[] {
  const common = {
    stateDirectory: join(home, "state"),
    sdkFolder: resolve(import.meta.dirname, "../sdk"),
    python,
  };
  const renamed = (driver: Driver, name: string): Driver => ({
    name,
    get capabilities() {
      return driver.capabilities;
    },
    probe: () => driver.probe(),
    prepare: (pkg) => driver.prepare(pkg),
    open: (prepared, request) => driver.open(prepared, request),
  });
  return [
    renamed(createSubprocessDriver({ ...common, variant: "bubblewrap" }), "bubblewrap"),
    renamed(createSubprocessDriver({ ...common, variant: "util-linux" }), "util-linux"),
    // Containers take long to start: not in a short run.
    ...(quick ? [] : ["runc", "runsc"]).map((runtime) =>
      renamed(createOciDriver({ ...common, runtime }), `oci (${runtime})`),
    ),
    createInlineDriver(common),
  ];
}

/** Both state policies on both databases. */
async function superviseRows(tasks: number): Promise<readonly SuperviseFigures[]> {
  const rows: SuperviseFigures[] = [];
  for (const database of ["server", "embedded"] as const) {
    for (const state of ["reuse", "fork"] as const)
      rows.push(await measureSupervise({ tasks, warmUp: Math.ceil(tasks / 4), state, slots: 4, database }));
  }
  return rows;
}

/** The same interpreter inside and outside, so that only the sandbox differs. */
function systemPython(): string {
  return existsSync("/usr/bin/python3")
    ? "/usr/bin/python3"
    : execFileSync("python3", ["-c", "import sys; print(sys.executable)"], { encoding: "utf8" }).trim();
}

function machine(python: string): Readonly<Record<string, string | number>> {
  return {
    ...benchMachine(),
    python: execFileSync(python, ["--version"], { encoding: "utf8" }).trim(),
  };
}

function asText(report: {
  readonly machine: ReturnType<typeof machine>;
  readonly overhead: readonly OverheadRow[];
  readonly records: Awaited<ReturnType<typeof measureRecords>>;
  readonly largeRaw: Awaited<ReturnType<typeof measureLargeRaw>>;
  readonly supervise: readonly SuperviseFigures[];
  readonly verdicts: readonly Verdict[];
}): string {
  const machineLine = Object.entries(report.machine)
    .map(([key, value]) => `${key} ${value}`)
    .join(", ");
  const rows = report.overhead.map(({ language, runtime, how, ms }) =>
    [
      language.padEnd(11),
      runtime.padEnd(12),
      how.padEnd(11),
      number(ms.p50),
      number(ms.p99),
      `±${Math.round(ms.spread * 100)} %`,
    ].join(" "),
  );
  const { records, largeRaw } = report;
  return [
    machineLine,
    "",
    "one run of 4 kB in, 200 objects out, ms      p50      p99  spread",
    ...rows,
    "",
    `records: ${records.objects} objects validated at ${Math.round(records.objectsPerSecond)} a second (JSON.parse alone: ${Math.round(records.parsedPerSecond)})`,
    `raw file of ${largeRaw.megabytes} MB: ${Math.round(largeRaw.megabytesPerSecond)} MB/s; the host grew by ${Math.round(largeRaw.hostGrowthMegabytes)} MB`,
    "",
    ...superviseTable(report.supervise),
    ...report.verdicts.map(
      ({ promise, measured, kept }) => `${kept ? "kept  " : "BROKEN"} ${promise}: ${measured}`,
    ),
    "",
  ].join("\n");
}

function containersAsText({
  rows,
  verdicts,
}: Pick<Awaited<ReturnType<typeof measureContainers>>, "rows" | "verdicts">): string {
  return [
    "one run of 4 kB in, 200 objects out, ms           p50      p99  spread",
    ...rows.map(({ runtime, how, ms }) =>
      [
        runtime.padEnd(30),
        how.padEnd(11),
        number(ms.p50),
        number(ms.p99),
        `±${Math.round(ms.spread * 100)} %`,
      ].join(" "),
    ),
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
    "",
  ];
}

function number(ms: number): string {
  return ms.toFixed(ms < 10 ? 2 : 1).padStart(8);
}
