import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import path from "node:path";
import { suite, test } from "node:test";

import { isObject } from "../src/domain/unknown.ts";
import type { ResultFile } from "./save-result.ts";

const ROOT = path.resolve(import.meta.dirname, "..");
const RESULTS = path.join(import.meta.dirname, "results");

interface Quote {
  readonly document: string;
  readonly line: number;
  /** As it is printed: `1,234.5`. */
  readonly printed: string;
  /** Of the result file, without `.json`. */
  readonly file: string;
  /** Names from the file's `measurements` on, between dots. */
  readonly place: string;
  /** What the figure is divided by to get what is printed. */
  readonly unit: number;
}

/**
 * A figure in a document is followed by where it is from, unseen by readers:
 * `248<!-- 2026-11-25-supervise: reuse-server.tasksPerSecond -->`, with ` / 1e6` where it is printed in another unit.
 */
const QUOTE =
  /(?<printed>(?:(?<=\s)-)?\d[\d,]*(?:\.\d+)?)<!-- (?<file>\d{4}-\d\d-\d\d-[\w-]+): (?<place>[\w.-]+)(?: \/ (?<unit>[\de.]+))? -->/gu;
/** Anything that is meant as such. */
const MARK = /<!-- \d{4}-/gu;
/** A measure of time, memory or speed without a mark, outside of code. */
const UNMARKED =
  /(?<![\d.])\d+(?:,\d{3})*(?:\.\d+)? (?:ms|s|MB|MiB|×|times|(?:small )?(?:objects|tasks) a second|a second)(?!\w)/gu;
/** Where nothing measured stands without its mark: a whole document, or a section of it by its heading. */
const HELD: readonly (readonly [document: string, heading: string | null])[] = [
  ["README.md", null],
  ["docs/speed.md", null],
  ["docs/runtimes/oci.md", "## Speed"],
];

suite("figures in documents", () => {
  const files = globSync("*.json", { cwd: RESULTS });
  const documents = globSync(["*.md", "docs/**/*.md"], { cwd: ROOT });
  const quotes = documents.flatMap(quotesIn);

  test("there are some, and each is written as it has to be", () => {
    assert.ok(quotes.length > 0);
    for (const document of documents) {
      const marks = readFileSync(path.join(ROOT, document), "utf8").match(MARK)?.length ?? 0;
      assert.equal(quotes.filter((quote) => quote.document === document).length, marks, document);
    }
  });

  test("result files say what they are named after, and documents quote each", () => {
    for (const name of files) {
      const { topic, date, machine } = read(name);
      assert.equal(name, `${date}-${topic}.json`);
      assert.ok(Number(machine["cores"]) > 0, name);
      assert.ok(
        quotes.some(({ file }) => `${file}.json` === name),
        `nobody quotes ${name}: remove it, or quote it`,
      );
    }
  });

  test("no document quotes an older file where there is a newer one of its topic", () => {
    const newest = new Map(files.toSorted().map((name) => [read(name).topic, name]));
    for (const { document, line, file } of quotes)
      assert.equal(`${file}.json`, newest.get(read(`${file}.json`).topic), `${document}:${line}`);
  });

  for (const [document, heading] of HELD) {
    test(`nothing measured in ${document}${heading === null ? "" : `, ${heading},`} lacks its mark`, () => {
      const text = sectionOf(readFileSync(path.join(ROOT, document), "utf8"), heading);
      const prose = text.replaceAll(/```[^]*?```|`[^`\n]*`/gu, "").replaceAll(/<!--[^>]*-->/gu, "#");
      assert.deepEqual(prose.match(UNMARKED) ?? [], []);
    });
  }

  test("each is what was measured, rounded as it is printed", () => {
    for (const quote of quotes) {
      const measured = figureAt(read(`${quote.file}.json`).measurements, quote.place);
      const where = `${quote.document}:${quote.line} says ${quote.printed}`;
      assert.equal(quote.printed, printedLike(quote.printed, measured / quote.unit), where);
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

function quotesIn(document: string): readonly Quote[] {
  const lines = readFileSync(path.join(ROOT, document), "utf8").split("\n");
  return lines.flatMap((text, index) =>
    [...text.matchAll(QUOTE)].map(({ groups }) => ({
      document,
      line: index + 1,
      printed: groups?.["printed"] ?? "",
      file: groups?.["file"] ?? "",
      place: groups?.["place"] ?? "",
      unit: Number(groups?.["unit"] ?? 1),
    })),
  );
}

function read(name: string): ResultFile {
  return JSON.parse(readFileSync(path.join(RESULTS, name), "utf8")) as ResultFile;
}

function figureAt(measurements: object, place: string): number {
  let at: unknown = measurements;
  for (const name of place.split(".")) at = isObject(at) || Array.isArray(at) ? Reflect.get(at, name) : null;
  assert.equal(typeof at, "number", `nothing was measured at ${place}`);
  return Number(at);
}

/** With as many decimals, and commas where there are some. */
function printedLike(printed: string, value: number): string {
  const decimals = printed.split(".")[1]?.length ?? 0;
  const text = value.toFixed(decimals);
  return printed.includes(",") || value >= 1000 ? text.replaceAll(/\B(?=(?:\d{3})+(?!\d))/gu, ",") : text;
}
