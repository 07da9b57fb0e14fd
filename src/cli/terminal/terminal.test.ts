import assert from "node:assert/strict";
import { suite, test } from "node:test";

import * as fc from "fast-check";

import { columnsOf, cut, pad } from "./columns.ts";
import { printable, printableLines } from "./printable.ts";
import { describeTerminal } from "./terminal.ts";

suite("printable", () => {
  const shown: readonly (readonly [string, string])[] = [
    ["plain ASCII, ünïcödé, 日本語, 🐈", "plain ASCII, ünïcödé, 日本語, 🐈"],
    ["\u001b[31mred\u001b[0m", "\\u{1b}[31mred\\u{1b}[0m"],
    ["\u001b]0;title\u0007", "\\u{1b}]0;title\\u{7}"],
    ["\u009b2J", "\\u{9b}2J"],
    ["a\nb\rc\td", "a\\nb\\rc\\td"],
    ["user\u202etxt.exe", "user\\u{202e}txt.exe"],
    ["\u2066isolate\u2069", "\\u{2066}isolate\\u{2069}"],
    ["zero\u200bwidth\ufeff", "zero\\u{200b}width\\u{feff}"],
    ["tag\u{e0041}", "tag\\u{e0041}"],
    ["line\u2028paragraph\u2029", "line\\u{2028}paragraph\\u{2029}"],
    ["\u0000\u007f", "\\u{0}\\u{7f}"],
    ["lone \ud800", "lone \ufffd"],
  ];
  for (const [text, wanted] of shown) {
    test(`shows ${JSON.stringify(text)}`, () => {
      assert.equal(printable(text), wanted);
    });
  }
  test("lets nothing through that does anything", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        assert.doesNotMatch(printable(text), /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u);
        for (const line of printableLines(text))
          assert.doesNotMatch(line, /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u);
      }),
    );
  });
  test("lines stay lines", () => {
    assert.deepEqual(printableLines("a\r\n\tb\n\u001bc"), ["a", "    b", "\\u{1b}c"]);
  });
});

suite("columns", () => {
  test("wide characters take two, combining marks none", () => {
    assert.equal(columnsOf("abc"), 3);
    assert.equal(columnsOf("日本"), 4);
    assert.equal(columnsOf("e\u0301"), 1);
    assert.equal(columnsOf("🐈"), 2);
  });
  test("cut and pad keep to the width", () => {
    assert.equal(cut("abcdef", 4), "abc…");
    assert.equal(cut("日本語", 4), "日…");
    assert.equal(pad("日", 4), "日  ");
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), fc.integer({ min: 1, max: 20 }), (text, columns) => {
        assert.ok(columnsOf(cut(text, columns)) <= columns);
      }),
    );
  });
});

suite("describeTerminal", () => {
  const tty = { isTTY: true, columns: 80 };
  const coloured = (stream: object, env: Record<string, string>): boolean =>
    describeTerminal(stream, env).paint("red", "x") !== "x";

  test("colours go to terminals, unless NO_COLOR or TERM=dumb; FORCE_COLOR wins", () => {
    assert.ok(coloured(tty, {}));
    assert.ok(!coloured({}, {}));
    assert.ok(!coloured(tty, { NO_COLOR: "1" }));
    assert.ok(coloured(tty, { NO_COLOR: "" }));
    assert.ok(!coloured(tty, { TERM: "dumb" }));
    assert.ok(coloured({}, { FORCE_COLOR: "1" }));
    assert.ok(coloured({}, { FORCE_COLOR: "1", NO_COLOR: "1" }));
    assert.ok(!coloured(tty, { FORCE_COLOR: "0" }));
  });
  test("the width is the terminal's, or a sensible one", () => {
    assert.equal(describeTerminal(tty, {}).columns, 80);
    assert.equal(describeTerminal({}, {}).columns, 110);
    assert.equal(describeTerminal({}, { COLUMNS: "72" }).columns, 72);
    assert.equal(describeTerminal({ isTTY: true, columns: 3 }, {}).columns, 40);
    assert.equal(describeTerminal({}, { COLUMNS: "x" }).columns, 110);
  });
});
