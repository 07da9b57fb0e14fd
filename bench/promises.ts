import type { LargeRaw } from "./measure-large-raw.ts";
import type { OverheadRow } from "./measure-overhead.ts";
import type { RecordsRate } from "./measure-records.ts";

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
