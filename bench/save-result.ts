import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { loadavg } from "node:os";
import path from "node:path";
import { isDeepStrictEqual } from "node:util";

import { describeMachine, type Machine } from "../src/bench/machine.ts";

const RESULTS = path.join(import.meta.dirname, "results");

/** What was measured of one topic on one day. Documents quote it; quoted-figures.test.ts holds them to it. */
export interface ResultFile {
  readonly topic: string;
  /** `2026-11-25`, in UTC; file name and document say the same. */
  readonly date: string;
  /** Of the last measurement. One that was made on another has a `machine` of its own. */
  readonly machine: Machine;
  readonly measurements: Readonly<Record<string, object>>;
}

/** Adds a measurement to today's file of the topic, in place of an earlier one of that name. */
export function saveResult(
  topic: string,
  name: string,
  figures: object,
  {
    folder = RESULTS,
    machine = describeMachine(),
  }: { readonly folder?: string; readonly machine?: Machine } = {},
): void {
  const date = new Date().toISOString().slice(0, 10);
  const file = path.join(folder, `${date}-${topic}.json`);
  mkdirSync(folder, { recursive: true });
  const result: ResultFile = {
    topic,
    date,
    machine,
    // How many processes wanted the processors when it was over: what else ran is in it, and in the figures.
    measurements: { ...earlierIn(file, machine), [name]: { loadAverage: loadavg()[0], ...figures } },
  };
  writeFileSync(file, `${JSON.stringify(result, null, 2)}\n`);
}

/** Those of another machine say so from now on. */
function earlierIn(file: string, machine: Machine): ResultFile["measurements"] {
  if (!existsSync(file)) return {};
  const earlier = JSON.parse(readFileSync(file, "utf8")) as ResultFile;
  if (isDeepStrictEqual(earlier.machine, machine)) return earlier.measurements;
  return Object.fromEntries(
    Object.entries(earlier.measurements).map(([name, figures]) => [
      name,
      { machine: earlier.machine, ...figures },
    ]),
  );
}
