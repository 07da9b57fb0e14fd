import { DOCKER_RUN, findRow } from "../src/bench/bench-table.ts";
import type { BenchRow } from "../src/bench/measure-ways.ts";
import type { WayName } from "../src/bench/way.ts";
import { type Curve, fitCurve } from "./growth.ts";
import type { LargeRaw } from "./measure-large-raw.ts";
import type { PipelineRow } from "./measure-pipeline.ts";
import type { RecordsRate } from "./measure-records.ts";
import type { SuperviseFigures } from "./measure-supervise.ts";

export interface Verdict {
  /** With the number that SPECIFICATION.md gives it. */
  readonly promise: string;
  readonly measured: string;
  readonly kept: boolean;
}

const MEGABYTE = 1e6;
/** Of one idle warm sandbox with a Python guest. */
const MOST_IDLE_BYTES = 12 * MEGABYTE;
const LEAST_TIMES_FASTER = 80;
/** More than a call of the function, milliseconds. */
const MOST_ADDED_MS = 1;
const MOST_FORK_MS = 4;
const MOST_TIMES_BARE_FORK = 3;
const MOST_TIMES_BARE_START = 1.5;

/** What is promised about the time of runs, held against one table. Nothing is said of what was not measured. */
export function judgeRows(rows: readonly BenchRow[]): readonly Verdict[] {
  const row = (runtime: string, how: WayName["how"], language: WayName["language"]): BenchRow | undefined =>
    findRow(rows, { runtime, how, language });
  const verdicts: Verdict[] = [];
  const judge = (promise: string, measured: string, kept: boolean): void => {
    verdicts.push({ promise, measured, kept });
  };
  const dockerRun = findRow(rows, DOCKER_RUN);
  const bareFork = row("in-process", "fork", "python");
  for (const runtime of ["subprocess:bubblewrap", "subprocess:util-linux", "oci:runc"]) {
    for (const language of ["python", "javascript"] as const) {
      const reuse = row(runtime, "reuse", language);
      const call = row("in-process", "call", language);
      if (reuse === undefined || call === undefined) continue;
      const added = reuse.runMs.p50 - call.runMs.p50;
      const promise = `S1 reuse (${language}, ${runtime}) adds at most ${MOST_ADDED_MS} ms to calling the function`;
      judge(promise, `${added.toFixed(2)} ms`, added <= MOST_ADDED_MS);
    }
    const fork = row(runtime, "fork", "python");
    if (fork !== undefined && bareFork !== undefined) {
      const [ms, bareMs] = [fork.runMs.p50, bareFork.runMs.p50];
      const promise = `S2 fork (python, ${runtime}) takes at most ${MOST_FORK_MS} ms, or ${MOST_TIMES_BARE_FORK} times a bare fork where that is slow`;
      judge(
        promise,
        `${ms.toFixed(2)} ms (a bare fork: ${bareMs.toFixed(2)} ms)`,
        ms <= Math.max(MOST_FORK_MS, MOST_TIMES_BARE_FORK * bareMs),
      );
    }
    if (fork !== undefined && dockerRun !== undefined) {
      const times = dockerRun.runMs.p50 / fork.runMs.p50;
      const promise = `S11 fork (python, ${runtime}) is at least ${LEAST_TIMES_FASTER} times faster than \`docker run\``;
      judge(promise, `${times.toFixed(0)} times`, times >= LEAST_TIMES_FASTER);
    }
  }
  for (const runtime of ["subprocess:bubblewrap", "subprocess:util-linux"]) {
    const readyMs = row(runtime, "fork", "python")?.readyMs?.p50;
    const bareMs = row(runtime, "bare", "python")?.runMs.p50;
    if (readyMs !== undefined && bareMs !== undefined) {
      const promise = `S3 a cold start (python, ${runtime}) takes at most ${MOST_TIMES_BARE_START} times the bare interpreter in the same sandbox`;
      const ratio = readyMs / bareMs;
      judge(
        promise,
        `${ratio.toFixed(2)} times (${readyMs.toFixed(1)} ms, ${bareMs.toFixed(1)} ms)`,
        ratio <= MOST_TIMES_BARE_START,
      );
    }
    for (const how of ["fork", "reuse"] as const) {
      const bytes = row(runtime, how, "python")?.idleBytes?.p50;
      if (bytes === undefined) continue;
      const promise = `S12 an idle warm sandbox (python, ${runtime}, ${how}) takes at most ${MOST_IDLE_BYTES / MEGABYTE} MB, proportional`;
      judge(promise, `${(bytes / MEGABYTE).toFixed(1)} MB`, bytes <= MOST_IDLE_BYTES);
    }
  }
  return [...verdicts, ...judgeContainerStarts(rows)];
}

const RUNSC_RUN: WayName = { runtime: "runsc run", how: "bare", language: "python" };

function judgeContainerStarts(rows: readonly BenchRow[]): readonly Verdict[] {
  const bars = [
    ["oci:runc", 0.25, DOCKER_RUN],
    ["docker:runc", 1.1, DOCKER_RUN],
    ["oci:runsc", 1.25, RUNSC_RUN],
  ] as const;
  return bars.flatMap(([runtime, times, beside]) => {
    const ours = findRow(rows, { runtime, how: "reuse", language: "python" })?.startMs?.p50;
    const theirs = findRow(rows, beside)?.runMs.p50;
    if (ours === undefined || theirs === undefined) return [];
    return {
      promise: `S18 a cold start in ${runtime} takes at most ${times} times \`${beside.runtime}\``,
      measured: `${(ours / theirs).toFixed(2)} times (${ours.toFixed(0)} ms, ${theirs.toFixed(0)} ms)`,
      kept: ours / theirs <= times,
    };
  });
}

const LEAST_VALIDATED_PER_SECOND = 50_000;
const MOST_HOST_GROWTH_MB = 64;

/** What is promised about records and large raw files. */
export function judgeRest({
  records,
  largeRaw,
}: {
  readonly records: RecordsRate;
  readonly largeRaw: LargeRaw;
}): readonly Verdict[] {
  return [
    {
      promise: `S4 records are validated at ${LEAST_VALIDATED_PER_SECOND} objects a second or better`,
      measured: `${Math.round(records.objectsPerSecond)} a second`,
      kept: records.objectsPerSecond >= LEAST_VALIDATED_PER_SECOND,
    },
    {
      promise: `S5 a large raw file streams through with the host growing by at most ${MOST_HOST_GROWTH_MB} MB`,
      measured: `${Math.round(largeRaw.hostGrowthMegabytes)} MB for ${largeRaw.megabytes} MB`,
      kept: largeRaw.hostGrowthMegabytes <= MOST_HOST_GROWTH_MB,
    },
  ];
}

/** What two supervisors on the same cores do, as a share of what one does. */
const LEAST_SHARE_OF_TWO = 0.9;

/** What one supervisor does, and several on the same cores. */
export function judgePipeline(rows: readonly PipelineRow[]): readonly Verdict[] {
  const row = (name: string): PipelineRow | undefined => rows.find((one) => one.name === name);
  return (["reuse", "fork"] as const).flatMap((state) => {
    const one = row(`${state}-4-slots`);
    if (one === undefined) return [];
    const where = `(${state}, server, ${one.slots} slots, medians)`;
    const alone = [judgeRate(where, state, one.tasksPerSecond.p50), judgeCpu(where, one.supervisorCpuMs.p50)];
    const shared = [2, 4].flatMap((slots) => {
      const two = row(`${state}-2-supervisors-${slots}-slots`);
      if (two === undefined) return [];
      const share = two.tasksPerSecond.p50 / one.tasksPerSecond.p50;
      return {
        promise: `S14 two supervisors (${state}, ${slots} slots each) do at least ${LEAST_SHARE_OF_TWO} of what one of 4 does on the same cores`,
        measured: `${share.toFixed(2)} (${two.tasksPerSecond.p50.toFixed(0)} and ${one.tasksPerSecond.p50.toFixed(0)} a second)`,
        kept: share >= LEAST_SHARE_OF_TWO,
      };
    });
    return [...alone, ...shared];
  });
}

/** Up to how many of it. */
const DOES_NOT_GROW_WITH = { queued: 10_000, packages: 500 } as const;

/** What a task does not cost more with. Nothing is said of what was not measured so far. */
export function judgeGrowth(curves: readonly Curve[]): readonly Verdict[] {
  return Object.entries(DOES_NOT_GROW_WITH).flatMap(([name, most]) => {
    const curve = curves.find((one) => one.name === name);
    const [first, last] = [curve?.points[0], curve?.points.at(-1)];
    if (curve === undefined || first === undefined || last === undefined || last.at < most) return [];
    // By its points: what was saved was judged by what was right then.
    const { verdict } = fitCurve(name, curve.per, curve.points);
    return {
      promise: `S15 what a task costs does not grow with ${most} ${name}`,
      measured: `${verdict}: ${first.cpuMs.toFixed(2)} with ${first.at} and ${last.cpuMs.toFixed(2)} ms`,
      kept: verdict === "flat" || verdict === "falls",
    };
  });
}

const LEAST_OBJECTS_PER_SECOND = 50_000;

/** What is promised about large outputs and kept results: measurements of a result file. */
export function judgeThroughput(measurements: Readonly<Record<string, object>>): readonly Verdict[] {
  const figure = (name: string, key: string): number | null => {
    const value: unknown = Reflect.get(measurements[name] ?? {}, key);
    return typeof value === "number" ? value : null;
  };
  const rate = figure("objects-100000", "objectsPerSecond");
  const ratio = figure("cache", "ratio");
  return [
    ...(rate === null
      ? []
      : [
          {
            promise: `S34 outputs of 100000 objects go through at ${LEAST_OBJECTS_PER_SECOND} objects a second or better`,
            measured: `${Math.round(rate)} a second`,
            kept: rate >= LEAST_OBJECTS_PER_SECOND,
          },
        ]),
    ...(ratio === null
      ? []
      : [
          {
            promise: "S35 a trivial task whose result is kept is done faster than under fork",
            measured: `${ratio.toFixed(2)} times`,
            kept: ratio > 1,
          },
        ]),
  ];
}

/** Tasks a second of one supervisor, with everything on two cores: each has to do a task in so many milliseconds. */
const LEAST_PER_SECOND = { reuse: 300, fork: 150 } as const;
/** Of the supervisor's own process, where the database is another. */
const MOST_CPU_MS = 3;
const MOST_RESIDENT_BYTES = 175e6;

/** What is promised about a supervisor at work, held against measurements of it, fresh ones or saved ones. */
export function judgeSupervise(rows: readonly SuperviseFigures[]): readonly Verdict[] {
  return rows.flatMap(({ state, database, slots, tasksPerSecond, cpuMsPerTask: { supervisor }, memory }) => {
    const where = `(${state}, ${database}, ${slots} slots)`;
    const rate = judgeRate(where, state, tasksPerSecond);
    // The embedded database works in the supervisor's process: its time and memory are not told apart.
    if (database === "embedded") return [rate];
    return [
      rate,
      judgeCpu(where, supervisor),
      {
        promise: `S8 the supervisor ${where} takes at most ${MOST_RESIDENT_BYTES / 1e6} MB of memory, resident`,
        measured: `${(memory.peakBytes / 1e6).toFixed(0)} MB`,
        kept: memory.peakBytes <= MOST_RESIDENT_BYTES,
      },
    ];
  });
}

function judgeRate(where: string, state: "reuse" | "fork", perSecond: number): Verdict {
  return {
    promise: `S6 trivial tasks ${where}: at least ${LEAST_PER_SECOND[state]} a second on two cores`,
    measured: `${perSecond.toFixed(0)} a second`,
    kept: perSecond >= LEAST_PER_SECOND[state],
  };
}

function judgeCpu(where: string, ms: number): Verdict {
  return {
    promise: `S7 each costs the supervisor ${where} at most ${MOST_CPU_MS} ms of processor time`,
    measured: `${ms.toFixed(2)} ms`,
    kept: ms <= MOST_CPU_MS,
  };
}

/** What `bench/soak.ts` saw of a supervisor, in the order of time. */
export interface Soak {
  readonly minutes: number;
  readonly curve: readonly { readonly heapBytes: number; readonly residentBytes: number }[];
}

const SOAK_MINUTES = 60;
const MOST_SOAK_GROWTH = 0.05;

/** What is promised about a supervisor's memory over an hour of load. Nothing is said of a shorter time. */
export function judgeSoak({ minutes, curve }: Soak): readonly Verdict[] {
  const [first, last] = [curve[0], curve.at(-1)];
  if (minutes < SOAK_MINUTES || first === undefined || last === undefined || first === last) return [];
  const grew = (of: "heapBytes" | "residentBytes"): number =>
    Math.max(...curve.map((point) => point[of])) / first[of] - 1;
  return (["heapBytes", "residentBytes"] as const).map((of) => ({
    promise: `S36 over ${SOAK_MINUTES} minutes of load the supervisor's memory grows by at most ${MOST_SOAK_GROWTH * 100} percent (${of})`,
    measured: `${(grew(of) * 100).toFixed(1)} percent`,
    kept: grew(of) <= MOST_SOAK_GROWTH,
  }));
}
