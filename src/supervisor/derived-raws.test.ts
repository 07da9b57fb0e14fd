import assert from "node:assert/strict";
import { test } from "node:test";

import { depthOf, marksOf } from "./derived-raws.ts";

const raw = (type: string, text: string) => ({ mime_types: [type], content: Buffer.from(text) });

test("a mark is the same for the same content at every try, in whatever order, and another for another", () => {
  const [a, b, again] = [raw("t/x", "1"), raw("t/x", "2"), raw("t/x", "1")];
  const marks = marksOf("task", 1, [a, b, again]);
  assert.equal(new Set(marks).size, 3);
  assert.deepEqual(new Set(marksOf("task", 1, [b, again, a])), new Set(marks));
  assert.deepEqual(marksOf("task", 1, [b]), [marks[1]]);
  assert.notDeepEqual(marksOf("other", 1, [b]), [marks[1]]);
  assert.notDeepEqual(marksOf("task", 1, [raw("t/y", "2")]), [marks[1]]);
});

test("a mark says how deep its file is, and fits into its column", () => {
  const [mark = ""] = marksOf("task", 100, [raw("t/x", "")]);
  assert.ok(mark.length <= 64, mark);
  assert.equal(depthOf([{ value: "text/html" }, { value: mark }]), 100);
  assert.equal(depthOf([{ value: "text/html" }]), 0);
});
