import type { LeftOut } from "./every-way.ts";
import type { Machine } from "./machine.ts";
import type { BenchRow, Failed } from "./measure-ways.ts";
import type { WayName } from "./way.ts";

/** What one measurement of every way gave. Figures of one table can be compared, those of two with care. */
export interface BenchTable {
  readonly machine: Machine;
  /** When it was begun, ISO 8601. */
  readonly at: string;
  readonly rounds: number;
  readonly rows: readonly (BenchRow & { readonly timesFaster: TimesFaster })[];
  readonly leftOut: readonly LeftOut[];
  /** Rows that would be there, had they not failed. */
  readonly failed: readonly Failed[];
}

/** How many times as long others take for one run; null: not measured. */
export interface TimesFaster {
  readonly thanDockerRun: number | null;
  readonly thanPython: number | null;
}

/** What people use today, and what everything is compared with. */
export const DOCKER_RUN: WayName = { runtime: "docker run", how: "per run", language: "python" };
export const PYTHON_PER_RUN: WayName = { runtime: "python3 -c", how: "per run", language: "python" };

export function findRow<Row extends WayName>(rows: readonly Row[], wanted: WayName): Row | undefined {
  return rows.find(
    ({ runtime, how, language }) =>
      runtime === wanted.runtime && how === wanted.how && language === wanted.language,
  );
}

/** With what each is faster than. */
export function withRatios(rows: readonly BenchRow[]): BenchTable["rows"] {
  const docker = findRow(rows, DOCKER_RUN)?.runMs.p50 ?? null;
  const python = findRow(rows, PYTHON_PER_RUN)?.runMs.p50 ?? null;
  return rows.map((row) => ({
    ...row,
    timesFaster: {
      thanDockerRun: docker === null ? null : docker / row.runMs.p50,
      thanPython: python === null ? null : python / row.runMs.p50,
    },
  }));
}
