import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { suite, test } from "node:test";

const ROOT = resolve(import.meta.dirname, "../..");

interface SpecifiedPromise {
  readonly number: string;
  readonly text: string;
  /** Files, each with a part of the name of a test in it. */
  readonly proofs: readonly { readonly file: string; readonly name: string }[];
}

/** SPECIFICATION.md: rows `| A1 | promise | path/to.test.ts: "part of a test's name" |`. */
suite("SPECIFICATION.md", () => {
  const promises = read(readFileSync(join(ROOT, "SPECIFICATION.md"), "utf8"));

  test("it promises something, and numbers are not used twice", () => {
    assert.ok(promises.length > 30, `${promises.length} promises`);
    const numbers = promises.map(({ number }) => number);
    assert.deepEqual(numbers, [...new Set(numbers)]);
  });

  for (const promise of promises) {
    test(`${promise.number} names a test that is there`, () => {
      assert.ok(promise.proofs.length > 0, promise.text);
      for (const { file, name } of promise.proofs) {
        assert.ok(existsSync(join(ROOT, file)), `${file} is not there`);
        assert.ok(readFileSync(join(ROOT, file), "utf8").includes(name), `${file} holds no "${name}"`);
      }
    });
  }
});

function read(markdown: string): readonly SpecifiedPromise[] {
  return [...markdown.matchAll(/^\| (?<number>[A-Z]\d+) \| (?<text>.+?) \| (?<proofs>.+?) \|$/gmu)].map(
    ({ groups }) => ({
      number: groups?.["number"] ?? "",
      text: groups?.["text"] ?? "",
      proofs: [...(groups?.["proofs"] ?? "").matchAll(/`(?<file>[^`]+)`(?:: "(?<name>[^"]+)")?/gu)].map(
        (proof) => ({
          file: proof.groups?.["file"] ?? "",
          name: proof.groups?.["name"] ?? "",
        }),
      ),
    }),
  );
}
