import assert from "node:assert/strict";
import { suite, test } from "node:test";

import * as fc from "fast-check";

import { columnsOf } from "./columns.ts";
import { wrap } from "./wrap.ts";

suite("wrap", () => {
  test("breaks between words, below the end of the head", () => {
    assert.deepEqual(wrap("  why  ", "it was not done within two seconds", 30), [
      "  why  it was not done within",
      "       two seconds",
    ]);
    assert.deepEqual(wrap("  why  ", "", 30), ["  why  "]);
  });
  test("cuts words that are wider than the room, and texts of too many lines", () => {
    assert.deepEqual(wrap("", "x".repeat(50), 20), [`${"x".repeat(19)}…`]);
    assert.deepEqual(wrap("", `${"long ".repeat(20)}end`, 20, 2), [
      "long long long long",
      "long long long long…",
    ]);
  });
  test("loses no word and keeps to the width", () => {
    const word = fc
      .string({ unit: "grapheme", minLength: 1, maxLength: 15 })
      .filter((one) => !/\s/u.test(one));
    fc.assert(
      fc.property(fc.array(word, { maxLength: 40 }), fc.integer({ min: 40, max: 120 }), (words, columns) => {
        const lines = wrap("head  ", words.join(" "), columns, Number.POSITIVE_INFINITY);
        for (const line of lines) assert.ok(columnsOf(line) <= columns);
        const text = lines.map((line) => line.slice("head  ".length)).join(" ");
        assert.equal(text, words.join(" "));
      }),
    );
  });
});
