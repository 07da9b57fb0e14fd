import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";

import * as fc from "fast-check";

import { DEFAULT_LIMITS } from "../domain/limits.ts";
import { openCollector } from "./collector.ts";
import { splitPlain } from "./split-plain.ts";

function split(text: string): readonly string[] {
  return splitPlain(Buffer.from(text)).map(({ buffer, start, end }) => buffer.toString("utf8", start, end));
}

test("JSON Lines, an array, an object, and objects over several lines", () => {
  assert.deepEqual(split(""), []);
  assert.deepEqual(split(" \n\t\r\n"), []);
  assert.deepEqual(split('{"a":1}\n\n{"b":2}'), ['{"a":1}', '{"b":2}']);
  assert.deepEqual(
    split('{"a":1}\r\n{"b":2}\r\n').map((line) => line.trim()),
    ['{"a":1}', '{"b":2}'],
  );
  assert.deepEqual(split(' [{"a":"]"},\n {"b":[1,{}]}\n]\n'), ['{"a":"]"}', '{"b":[1,{}]}']);
  assert.deepEqual(split("[]"), []);
  assert.deepEqual(split("[ ]\n"), []);
  assert.deepEqual(split('{\n "a": "}\\""\n}\n'), ['{\n "a": "}\\""\n}']);
  assert.deepEqual(split('{\n}\n{\n}{"c":3} {}'), ["{\n}", "{\n}", '{"c":3}', "{}"]);
});

test("text that is something else is refused, not lost", async () => {
  for (const text of [
    "hello world\nmore\n",
    "[{},",
    "[{}",
    "[",
    "[{}]x",
    "[{}][{}]",
    "[{} {}]",
    "[,]",
    "[{},]",
    "]",
    "}",
    '{"a":',
    '{"a":"',
    "{}}",
    "nul",
    '"',
  ]) {
    const collector = openCollector({ limits: DEFAULT_LIMITS });
    collector.pushPlain(Buffer.from(text));
    assert.ok(collector.endPlain() > 0, text);
    const { rejections } = await collector.finish();
    assert.ok(
      rejections.some(
        ({ reason }) => reason.includes("not JSON") || reason.includes("a record is a JSON object"),
      ),
      `${text}: ${JSON.stringify(rejections)}`,
    );
  }
});

test("the records of one output are the same in every form", () => {
  const json = fc.dictionary(fc.string({ minLength: 1 }), fc.jsonValue({ maxDepth: 3 }), {
    minKeys: 1,
    maxKeys: 3,
  });
  fc.assert(
    fc.property(fc.array(json, { minLength: 1, maxLength: 5 }), (records) => {
      const parse = (text: string): unknown[] => split(text).map((part) => JSON.parse(part) as unknown);
      const expected = JSON.parse(JSON.stringify(records)) as unknown;
      assert.deepEqual(parse(records.map((record) => `${JSON.stringify(record)}\n`).join("")), expected);
      assert.deepEqual(parse(JSON.stringify(records)), expected);
      assert.deepEqual(parse(JSON.stringify(records, null, 2)), expected);
      assert.deepEqual(parse(records.map((record) => JSON.stringify(record, null, 1)).join("\n")), expected);
    }),
  );
});

test("any bytes are split without loss of time or of order", () => {
  const text = fc.oneof(
    fc.string({ unit: fc.constantFrom(...Array.from('{}[],":\\ \n\tax1')) }),
    fc.uint8Array().map((bytes) => Buffer.from(bytes).toString("latin1")),
  );
  fc.assert(
    fc.property(text, (given) => {
      const buffer = Buffer.from(given);
      let last = 0;
      for (const { start, end } of splitPlain(buffer)) {
        assert.ok(start >= last && end >= start && end <= buffer.length);
        last = end;
      }
      assert.equal(splitPlain(buffer).length === 0, /^[ \n\r\t]*(?:\[[ \n\r\t]*\][ \n\r\t]*)?$/.test(given));
    }),
  );
});
