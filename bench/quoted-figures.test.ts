import assert from "node:assert/strict";
import { globSync } from "node:fs";
import { suite, test } from "node:test";

import { documents, quotesIn, readDocument, readResultFile, RESULTS, rightlyPrinted } from "./quotes.ts";

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
      const text = sectionOf(readDocument(document), heading);
      const prose = text.replaceAll(/```[^]*?```|`[^`\n]*`/gu, "").replaceAll(/<!--[^>]*-->/gu, "#");
      assert.deepEqual(prose.match(UNMARKED) ?? [], []);
    });
  }

  test("each is what was measured, rounded as it is printed", () => {
    for (const quote of quotes) {
      const where = `${quote.document}:${quote.line} says ${quote.printed}`;
      assert.equal(quote.printed, rightlyPrinted(quote), where);
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
