import assert from "node:assert/strict";
import { test } from "node:test";

import * as fc from "fast-check";

import { cleanLines, cleanText } from "./clean-text.ts";
import { LogCollector } from "./log-collector.ts";

const LIMITS = { logBytes: 10_000, logFloodBytes: 100_000 };

void test("standard error is cut into lines, wherever its chunks end", () => {
  const bytes = Buffer.from("eins\r\nzwei ä\n\ndrei\nvier");
  fc.assert(
    fc.property(fc.array(fc.nat(bytes.length)), (cuts) => {
      const log = new LogCollector(LIMITS);
      let start = 0;
      for (const cut of [...cuts.toSorted((a, b) => a - b), bytes.length]) {
        log.pushErrors(bytes.subarray(start, cut));
        start = Math.max(start, cut);
      }
      const messages = log.finish().logs.map((entry) => entry.message);
      assert.deepEqual(messages, ["eins", "zwei ä", "", "drei", "vier"]);
      assert.equal(log.lastErrorLine, "vier");
    }),
  );
});

void test("a log frame: entries, text that is no entry, several lines in one message", () => {
  const log = new LogCollector(LIMITS);
  log.pushFrame(
    Buffer.from('{"level":"error","message":"a\\nb"}\nnot json\n\n{"level":"fatal","message":"x"}\n[1]'),
  );
  assert.deepEqual(log.finish().logs, [
    { level: "error", message: "a", source: "log" },
    { level: "error", message: "b", source: "log" },
    { level: "info", message: "not json", source: "log" },
    { level: "info", message: '{"level":"fatal","message":"x"}', source: "log" },
    { level: "info", message: "[1]", source: "log" },
  ]);
});

void test("invalid UTF-8, control characters, escape sequences and bidi overrides are made visible", () => {
  const log = new LogCollector(LIMITS);
  log.pushErrors(
    Buffer.from([0x61, 0xff, 0x00, 0x1b, 0x5b, 0x32, 0x4a, 0x07, 0x09, 0xc2, 0x9b, 0x0d, 0x62, 0x0a]),
  );
  log.pushFrame(Buffer.from(JSON.stringify({ level: "info", message: "\u202Eevil\u2028\ud800" })));
  assert.deepEqual(
    log.finish().logs.map((entry) => entry.message),
    ["a\uFFFD\\x00\\x1B[2J\\x07\t\\x9B\\x0Db", "\\u202Eevil\\u2028\uFFFD"],
  );
});

void test("cleaned text holds nothing that steers a terminal", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      assert.doesNotMatch(cleanText(text, 100), /[\u0000-\u0008\u000a-\u001f\u007f-\u009f\u202a-\u202e]/u);
      assert.doesNotMatch(cleanLines(text, 100), /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e]/u);
    }),
  );
});

void test("a long line is cut", () => {
  const log = new LogCollector({ logBytes: 100_000, logFloodBytes: 1_000_000 });
  for (let i = 0; i < 10; i += 1) log.pushErrors(Buffer.alloc(10_000, "x"));
  log.pushErrors(Buffer.from("\n"));
  log.pushFrame(Buffer.alloc(70_000, "y"));
  log.pushFrame(Buffer.from(JSON.stringify({ level: "info", message: "z".repeat(60_000) })));
  for (const { message } of log.finish().logs) {
    assert.equal(message.length, 8193);
    assert.ok(message.endsWith("…"));
  }
});

void test("what is more than logBytes is counted, a flood is noticed, empty lines are not free", () => {
  const log = new LogCollector({ logBytes: 1000, logFloodBytes: 10_000 });
  log.pushErrors(Buffer.alloc(5000, "\n"));
  assert.ok(log.finish().logs.length <= 63);
  assert.equal(log.flooded, false);
  log.pushFrame(Buffer.alloc(5000, "\n"));
  assert.equal(log.flooded, false);
  log.pushErrors(Buffer.from("last words\n"));
  assert.equal(log.flooded, true);
  assert.equal(log.lastErrorLine, "last words");
  const { logs, logBytesDropped } = log.finish();
  assert.equal(logs.length + logBytesDropped, 10_011);
});
