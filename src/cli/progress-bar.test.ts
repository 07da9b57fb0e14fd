import assert from "node:assert/strict";
import { test } from "node:test";

import { progressBar } from "./progress-bar.ts";
import type { Terminal } from "./terminal/terminal.ts";

test("on a terminal: a line that is drawn over, and gone at the end", () => {
  const written: string[] = [];
  const bar = progressBar(10, terminal(true, 60), (text) => written.push(text));
  bar.advance(5, "40 runs/s");
  bar.print("one failed");
  bar.advance(10, "40 runs/s");
  bar.end();
  bar.end();
  const [half = "", above = "", again = "", full = "", gone = ""] = written;
  assert.match(half, /^\r\u001b\[2K█{15}░{15} 5\/10 {2}40 runs\/s/u);
  assert.equal(above, "\r\u001b[2Kone failed\n");
  assert.equal(again, half);
  assert.match(full, /█{30} 10\/10/u);
  assert.equal(gone, "\r\u001b[2K");
  assert.equal(written.length, 5);
  for (const line of written) assert.ok(line.length < 60 + "\r\u001b[2K".length);
});

test("elsewhere: nothing but what is printed", () => {
  const written: string[] = [];
  const bar = progressBar(10, terminal(false, 60), (text) => written.push(text));
  bar.advance(5, "");
  bar.print("one failed");
  bar.advance(10, "");
  bar.end();
  assert.deepEqual(written, ["one failed\n"]);
});

function terminal(isTty: boolean, columns: number): Terminal {
  return { isTty, columns, paint: (_colour, text) => text };
}
