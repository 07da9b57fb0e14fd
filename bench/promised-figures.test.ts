import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import path from "node:path";
import { suite, test } from "node:test";

import type { BenchRow } from "../src/bench/measure-ways.ts";
import type { Curve } from "./growth.ts";
import type { LargeRaw } from "./measure-large-raw.ts";
import type { PipelineRow } from "./measure-pipeline.ts";
import type { RecordsRate } from "./measure-records.ts";
import type { SuperviseFigures } from "./measure-supervise.ts";
import {
  judgeGrowth,
  judgePipeline,
  judgeRest,
  judgeRows,
  judgeSoak,
  judgeSupervise,
  judgeThroughput,
  type Soak,
  type Verdict,
} from "./promises.ts";
import { readResultFile, RESULTS } from "./quotes.ts";
import type { ResultFile } from "./save-result.ts";

const SPECIFICATION = readFileSync(path.resolve(import.meta.dirname, "../SPECIFICATION.md"), "utf8");
/** Of the promises that a result file is judged by; the others are proved by what happens, or judge what was measured just now. */
const JUDGED = [
  "S1",
  "S2",
  "S3",
  "S4",
  "S5",
  "S6",
  "S7",
  "S8",
  "S11",
  "S12",
  "S14",
  "S15",
  "S18",
  "S34",
  "S35",
  "S36",
];

suite("figures that SPECIFICATION.md promises", () => {
  const verdicts = verdictsOfNewest();

  for (const number of JUDGED) {
    test(`${number} has the figures that results are judged by, and what was measured keeps it`, () => {
      const row = new RegExp(String.raw`^\| ${number} \| (?<text>.+?) \|`, "mu").exec(SPECIFICATION)
        ?.groups?.["text"];
      assert.ok(row !== undefined);
      const of = verdicts.filter(({ promise }) => promise.startsWith(`${number} `));
      assert.ok(of.length > 0, `${number} was not measured`);
      const said = figuresIn(row);
      for (const { promise } of of)
        for (const figure of figuresIn(promise.replace(number, "").replaceAll(/\([^)]*\)/gu, "")))
          assert.ok(said.includes(figure), `${promise}: ${row} says nothing of ${figure}`);
      assert.deepEqual(
        of.filter(({ kept }) => !kept),
        [],
      );
    });
  }
});

function figuresIn(text: string): readonly number[] {
  const numbers = text.replaceAll("a quarter", "0.25").match(/(?<![\w.])\d[\d,]*(?:\.\d+)?/gu) ?? [];
  return numbers.map((number) => Number(number.replaceAll(",", "")));
}

function verdictsOfNewest(): readonly Verdict[] {
  const runs = newestOf("runs");
  const supervise = newestOf("supervise");
  return [
    ...judgeRows(Object.values(runs).filter((row): row is BenchRow => "runMs" in row)),
    ...judgeRest({ records: runs["records"] as RecordsRate, largeRaw: runs["large-raw"] as LargeRaw }),
    ...judgeSupervise(["reuse-server", "fork-server"].map((name) => supervise[name] as SuperviseFigures)),
    ...judgePipeline(Object.values(newestOf("pipeline")) as PipelineRow[]),
    ...judgeGrowth(Object.values(newestOf("growth")).filter((one): one is Curve => "lastExponent" in one)),
    ...judgeThroughput(newestOf("throughput")),
    ...judgeSoak(newestOf("soak")["reuse-server"] as Soak),
  ];
}

function newestOf(topic: string): ResultFile["measurements"] {
  const newest = globSync(`*-${topic}.json`, { cwd: RESULTS }).toSorted().at(-1);
  assert.ok(newest !== undefined, `nothing was measured of ${topic}`);
  return readResultFile(newest).measurements;
}
