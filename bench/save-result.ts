import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { loadavg } from "node:os";
import path from "node:path";

import { describeMachine } from "../src/bench/machine.ts";

const FOLDER = path.join(import.meta.dirname, "results");

/** What was measured of one topic on one day. Documents quote it; quoted-figures.test.ts holds them to it. */
export interface ResultFile {
  readonly topic: string;
  /** `2026-11-25`, in UTC; file name and document say the same. */
  readonly date: string;
  readonly machine: Readonly<Record<string, string | number>>;
  readonly measurements: Readonly<Record<string, object>>;
}

/** Adds a measurement to today's file of the topic, in place of an earlier one of that name. */
export function saveResult(topic: string, name: string, figures: object): void {
  const date = new Date().toISOString().slice(0, 10);
  const file = path.join(FOLDER, `${date}-${topic}.json`);
  mkdirSync(FOLDER, { recursive: true });
  const earlier = existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as ResultFile).measurements : {};
  const result: ResultFile = {
    topic,
    date,
    machine: describeMachine(),
    // How many processes wanted the processors when it was over: what else ran is in it, and in the figures.
    measurements: { ...earlier, [name]: { loadAverage: loadavg()[0], ...figures } },
  };
  writeFileSync(file, `${JSON.stringify(result, null, 2)}\n`);
}
