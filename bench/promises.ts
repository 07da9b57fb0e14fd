import type { LargeRaw } from "./measure-large-raw.ts";
import type { OverheadRow } from "./measure-overhead.ts";
import type { RecordsRate } from "./measure-records.ts";
import type { SuperviseFigures } from "./measure-supervise.ts";

export interface Verdict {
  /** With the number that SPECIFICATION.md gives it. */
  readonly promise: string;
  readonly measured: string;
  readonly kept: boolean;
}

/** What is promised about time, held against what one run measured. */
export function judgePromises(measured: {
  readonly overhead: readonly OverheadRow[];
  readonly records: RecordsRate;
  readonly largeRaw: LargeRaw;
}): readonly Verdict[] {
  const { overhead, records, largeRaw } = measured;
  const p50 = (language: string, runtime: string, how: string): number | null =>
    overhead.find((row) => row.language === language && row.runtime === runtime && row.how === how)?.ms.p50 ??
    null;
  const verdicts: Verdict[] = [];
  for (const runtime of ["bubblewrap", "util-linux"]) {
    for (const language of ["python", "javascript"]) {
      const reuse = p50(language, runtime, "reuse");
      const call = p50(language, "in-process", "call");
      if (reuse === null || call === null) continue;
      verdicts.push({
        promise: `S1 reuse (${language}, ${runtime}) adds at most 1 ms to calling the function`,
        measured: `${(reuse - call).toFixed(2)} ms`,
        kept: reuse - call <= 1,
      });
    }
    const fork = p50("python", runtime, "fork");
    const bareFork = p50("python", "in-process", "fork");
    if (fork !== null && bareFork !== null) {
      verdicts.push({
        promise: `S2 fork (python, ${runtime}) takes at most 4 ms, or 3 times a bare fork where that is slow`,
        measured: `${fork.toFixed(2)} ms (a bare fork: ${bareFork.toFixed(2)} ms)`,
        kept: fork <= Math.max(4, 3 * bareFork),
      });
    }
    const cold = p50("python", runtime, "cold start");
    const bare = p50("python", runtime, "bare");
    if (cold !== null && bare !== null) {
      verdicts.push({
        promise: `S3 a cold start (python, ${runtime}) takes at most 1.5 times the bare interpreter in the same sandbox`,
        measured: `${(cold / bare).toFixed(2)} times (${cold.toFixed(1)} ms, ${bare.toFixed(1)} ms)`,
        kept: cold / bare <= 1.5,
      });
    }
  }
  verdicts.push(
    {
      promise: "S4 records are validated at 50,000 objects a second or better",
      measured: `${Math.round(records.objectsPerSecond)} a second`,
      kept: records.objectsPerSecond >= 50_000,
    },
    {
      promise: "S5 a large raw file streams through with the host growing by at most 64 MB",
      measured: `${Math.round(largeRaw.hostGrowthMegabytes)} MB for ${largeRaw.megabytes} MB`,
      kept: largeRaw.hostGrowthMegabytes <= 64,
    },
  );
  return verdicts;
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
    const rate: Verdict = {
      promise: `S6 trivial tasks ${where}: at least ${LEAST_PER_SECOND[state]} a second on two cores`,
      measured: `${tasksPerSecond.toFixed(0)} a second`,
      kept: tasksPerSecond >= LEAST_PER_SECOND[state],
    };
    // The embedded database works in the supervisor's process: its time and memory are not told apart.
    if (database === "embedded") return [rate];
    return [
      rate,
      {
        promise: `S7 each costs the supervisor ${where} at most ${MOST_CPU_MS} ms of processor time`,
        measured: `${supervisor.toFixed(2)} ms`,
        kept: supervisor <= MOST_CPU_MS,
      },
      {
        promise: `S8 the supervisor ${where} takes at most ${MOST_RESIDENT_BYTES / 1e6} MB of memory, resident`,
        measured: `${(memory.peakBytes / 1e6).toFixed(0)} MB`,
        kept: memory.peakBytes <= MOST_RESIDENT_BYTES,
      },
    ];
  });
}
