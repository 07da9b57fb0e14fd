import assert from "node:assert/strict";
import { test } from "node:test";

import { UntilMark } from "./until-mark.ts";

const MARK = "0123456789abcdef";

async function read(chunks: readonly string[]): Promise<{ text: string; marked: boolean }> {
  const stream = new UntilMark(MARK);
  let marked = false;
  void stream.marked.then(() => (marked = true));
  for (const chunk of chunks) stream.write(chunk);
  stream.end();
  let text = "";
  for await (const chunk of stream) text += String(chunk);
  return { text, marked };
}

test("output ends at the mark, wherever it is cut", async () => {
  const whole = `012 records ${MARK}rest`;
  for (let at = 1; at < whole.length; at += 1) {
    assert.deepEqual(await read([whole.slice(0, at), whole.slice(at)]), {
      text: "012 records ",
      marked: true,
    });
  }
  assert.deepEqual(await read(whole.split("")), { text: "012 records ", marked: true });
});

test("what only begins as the mark is output", async () => {
  assert.deepEqual(await read(["0123", "4567", "x", MARK]), { text: "01234567x", marked: true });
  assert.deepEqual(await read(["end 0123"]), { text: "end 0123", marked: false });
  assert.deepEqual(await read([MARK]), { text: "", marked: true });
});

test("who reads late holds up who writes, until all is to be taken", async () => {
  const stream = new UntilMark(MARK);
  const chunk = Buffer.alloc(900_000, "x");
  for (let count = 0; count < 5; count += 1) stream.write(chunk);
  assert.ok(stream.writableLength > 0);
  stream.write(MARK);
  stream.takeAll();
  await stream.marked;
  let bytes = 0;
  for await (const piece of stream) bytes += (piece as Buffer).length;
  assert.equal(bytes, 5 * chunk.length);
});
