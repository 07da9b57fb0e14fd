import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { suite, test } from "node:test";

const ROOT = resolve(import.meta.dirname, "../..");

/** Sections, and of the tenth its items. */
const NUMBERS = [...numbered(1, 9), ...numbered(2, 4), ...numbered(3, 4), ...numbered(10, 31)];

interface NumberedTest {
  readonly file: string;
  readonly name: string;
  readonly numbers: readonly string[];
}

/** docs/openkat-contract.md: rows `| 1.3 | what | path/to.test.ts: "part of a test's name" |`, and the tests' names. */
suite("docs/openkat-contract.md", () => {
  const rows = readRows(readFileSync(join(ROOT, "docs/openkat-contract.md"), "utf8"));
  const tests = globSync("{src,test}/**/*.test.ts", { cwd: ROOT }).flatMap(numberedTests);

  test("it has a row for every number, and for no other", () => {
    assert.deepEqual([...new Set(rows.map(({ number }) => number))], NUMBERS);
  });

  test("every row's test is there, and its name bears the row's number", () => {
    for (const { number, proof } of rows) {
      if (proof === null) continue;
      const { file, name } = proof;
      const found = tests.filter((one) => one.file === file && one.name.includes(name));
      assert.ok(
        found.some(({ numbers }) => numbers.includes(number)),
        `${number}: ${file} has no test §${number} "${name}"`,
      );
    }
  });

  test("every number in a test's name has a row that names the test", () => {
    for (const { file, name, numbers } of tests) {
      for (const number of numbers) {
        const row = rows.find(
          ({ number: of, proof }) => of === number && proof?.file === file && name.includes(proof.name),
        );
        assert.ok(row !== undefined, `no row ${number} for ${file}: "${name}"`);
      }
    }
  });

  test("without a test is only what says that it is nothing for a worker, or not known", () => {
    const without = rows.filter(({ proof }) => proof === null).map(({ number }) => number);
    assert.deepEqual(without, ["10.6", "10.29", "10.31"]);
  });
});

function numbered(section: number, items: number): readonly string[] {
  return Array.from({ length: items }, (_, index) => `${section}.${index + 1}`);
}

function readRows(markdown: string): readonly {
  readonly number: string;
  readonly proof: { readonly file: string; readonly name: string } | null;
}[] {
  const row = /^\| (?<number>\d+\.\d+) \|.*\| (?:none|`(?<file>[^`]+)`: "(?<name>[^"]+)") +\|$/gmu;
  return [...markdown.matchAll(row)].map(({ groups }) => ({
    number: groups?.["number"] ?? "",
    proof: groups?.["file"] === undefined ? null : { file: groups["file"], name: groups["name"] ?? "" },
  }));
}

function numberedTests(file: string): readonly NumberedTest[] {
  const text = readFileSync(join(ROOT, file), "utf8");
  const named = /\b(?:test|suite|describe)\(\s*["`](?<name>§(?:[^"`\\]|\\.)+)["`]/gu;
  return [...text.matchAll(named)].map(({ groups }) => {
    const name = groups?.["name"] ?? "";
    return {
      file,
      name,
      numbers: [...name.matchAll(/§(?<number>\d+\.\d+)/gu)].map((one) => one.groups?.["number"] ?? ""),
    };
  });
}
