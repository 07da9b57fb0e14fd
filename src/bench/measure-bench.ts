import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { Catalogue } from "../packages/catalogue.ts";
import { type BenchTable, withRatios } from "./bench-table.ts";
import { type EveryWayOptions, openEveryWay } from "./every-way.ts";
import { describeMachine } from "./machine.ts";
import { type MeasureOptions, measureWays } from "./measure-ways.ts";
import { makeSubject } from "./subject.ts";

export interface BenchOptions extends EveryWayOptions, MeasureOptions {
  readonly catalogue: Catalogue;
}

/** How thoroughly: a minute or two, or several. */
export const QUICK = { rounds: 2, budgetMs: 150 };
export const WHOLE = { rounds: 4, budgetMs: 600 };

/** Every way to run one small normalizer that there is on this machine, beside what people use today, in one go. */
export async function measureBench(options: BenchOptions): Promise<BenchTable> {
  const at = new Date().toISOString();
  const folder = mkdtempSync(join(tmpdir(), "whiskers-bench-"));
  try {
    const subject = await makeSubject(options.catalogue, folder);
    await using there = await openEveryWay(subject, options);
    const { rows, failed } = await measureWays(there.ways, options);
    return {
      machine: describeMachine(),
      at,
      rounds: Math.max(...rows.map(({ runMs }) => runMs.rounds)),
      rows: withRatios(rows),
      leftOut: there.leftOut,
      failed,
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
