import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import path from "node:path";
import { suite, test } from "node:test";

import { benchChart } from "../src/bench/bench-chart.ts";
import { type BenchTable, DOCKER_RUN, findRow } from "../src/bench/bench-table.ts";
import { documents, quotesIn, readDocument, readResultFile, RESULTS, rightlyPrinted } from "./quotes.ts";
import { unmarkedFigures } from "./unmarked-figures.ts";

/** Anything that is meant as such. */
const MARK = /<!-- \d{4}-/gu;
const CHART = path.resolve(import.meta.dirname, "../docs/speed.svg");
/** What a figure is divided by to be one in another unit, and nothing else. */
const UNITS = [1, 0.01, 1e3, 1e6, 1024 ** 2];
/** Where nothing measured stands without its mark: a whole document, or a section of it by its heading. */
const HELD: readonly (readonly [document: string, heading: string | null])[] = [
  ["README.md", null],
  ["docs/speed.md", null],
  ["docs/runtimes/oci.md", "## Speed"],
  ["docs/runtimes/microvm.md", "## How fast"],
];

suite("figures in documents", () => {
  const files = globSync("*.json", { cwd: RESULTS });
  const quotes = documents().flatMap(quotesIn);

  test("there are some, and each is written as it has to be", () => {
    assert.ok(quotes.length > 0);
    for (const document of documents()) {
      const marks = readDocument(document).match(MARK)?.length ?? 0;
      assert.equal(quotes.filter((quote) => quote.document === document).length, marks, document);
    }
  });

  test("result files say what they are named after, and documents quote each", () => {
    for (const name of files) {
      const { topic, date, machine } = readResultFile(name);
      assert.equal(name, `${date}-${topic}.json`);
      assert.ok(Number(machine["cores"]) > 0, name);
      assert.ok(
        quotes.some(({ file }) => `${file}.json` === name),
        `nobody quotes ${name}: remove it, or quote it`,
      );
    }
  });

  test("no document quotes an older file where there is a newer one of its topic", () => {
    const newest = new Map(files.toSorted().map((name) => [readResultFile(name).topic, name]));
    for (const { document, line, file } of quotes)
      assert.equal(`${file}.json`, newest.get(readResultFile(`${file}.json`).topic), `${document}:${line}`);
  });

  for (const [document, heading] of HELD) {
    test(`nothing measured in ${document}${heading === null ? "" : `, ${heading},`} lacks its mark`, () => {
      assert.deepEqual(unmarkedFigures(sectionOf(readDocument(document), heading)), []);
    });
  }

  test("each is what was measured, rounded as it is printed", () => {
    for (const quote of quotes) {
      const where = `${quote.document}:${quote.line} says ${quote.printed}`;
      assert.equal(quote.printed, rightlyPrinted(quote), where);
      assert.ok(UNITS.includes(quote.unit), where);
    }
  });

  test("each row of a table quotes what its label says", () => {
    for (const { document, line, place } of quotes.filter((quote) => quote.document === "docs/speed.md")) {
      const text = readDocument(document).split("\n")[line - 1] ?? "";
      const label = /^\| (?<label>[^|#<]+?) \|/u.exec(text)?.groups?.["label"];
      if (label === undefined) continue;
      const words = label.replaceAll(/[^\w]+/gu, "-").replaceAll(/^-|-$/gu, "");
      const [measured = ""] = place.replace("curve-", "").split(".");
      assert.ok(
        `${words}-`.startsWith(`${measured.replace(/-python$/u, "")}-`),
        `${document}:${line}: ${place}`,
      );
    }
  });

  test("the chart is drawn of the newest measurement of runs", () => {
    const newest = files.toSorted().findLast((name) => name.endsWith("-runs.json"));
    assert.ok(newest !== undefined);
    const { machine, date, measurements } = readResultFile(newest);
    const rows = Object.values(measurements).filter(
      (row): row is BenchTable["rows"][number] => "runMs" in row,
    );
    const chart = readFileSync(CHART, "utf8");
    const shown = [...chart.matchAll(/class="label"[^>]*>([^<]*) <tspan class="quiet">([^<]*)</gu)].flatMap(
      ([, runtime, how]) =>
        rows.filter((row) => row.runtime === runtime && row.how === how && row.language !== "javascript"),
    );
    const unseen = rows.filter((row) => !shown.includes(row) && row.how !== "bare");
    assert.ok(unseen.every(({ language }) => language === "javascript"));
    const table = { machine, at: date, rounds: 0, rows: shown, leftOut: [], failed: [] };
    assert.equal(chart, benchChart(table));
  });

  test("runs that are compared were measured in one go", () => {
    for (const name of files.filter((one) => one.endsWith("-runs.json"))) {
      const rows = Object.values(readResultFile(name).measurements).filter(
        (row): row is BenchTable["rows"][number] => "timesFaster" in row,
      );
      const docker = findRow(rows, DOCKER_RUN);
      assert.ok(docker !== undefined, name);
      for (const { runtime, how, language, runMs, timesFaster } of rows)
        assert.equal(
          timesFaster.thanDockerRun,
          docker.runMs.p50 / runMs.p50,
          `${runtime} ${how} ${language}`,
        );
    }
  });
});

/** From its heading to the next of its kind. */
function sectionOf(text: string, heading: string | null): string {
  if (heading === null) return text;
  const [, section] = text.split(`\n${heading}\n`);
  assert.ok(section !== undefined, `there is no ${heading}`);
  return section.split("\n## ", 1)[0] ?? "";
}
