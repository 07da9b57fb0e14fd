import assert from "node:assert/strict";
import { test } from "node:test";

import { endOfList, withoutObject } from "./objects-text.ts";

const KEY = 'Network|a"\\]}';
const objects: readonly object[] = [
  { object_type: "Network", primary_key: "Network|b", name: 'b"]},{' },
  {
    object_type: "Config",
    primary_key: "Config|c",
    config: { primary_key: KEY, list: [{ primary_key: KEY }] },
  },
  { object_type: "Network", primary_key: KEY, name: 'a"\\]}' },
  { object_type: "Finding", primary_key: "Finding|d", description: `"primary_key":${JSON.stringify(KEY)}\\` },
];

test("an object is cut out wherever it is; what only looks like it stays", () => {
  for (let shift = 0; shift < objects.length; shift += 1) {
    const list = [...objects.slice(shift), ...objects.slice(0, shift)];
    const others = list.filter((one) => !("primary_key" in one) || one.primary_key !== KEY);
    assert.equal(others.length, 3);
    assert.equal(withoutObject(JSON.stringify(list), KEY), JSON.stringify(others));
    assert.equal(withoutObject(JSON.stringify(others), KEY), JSON.stringify(others));
  }
  assert.equal(withoutObject(JSON.stringify(objects.slice(2, 3)), KEY), "[]");
  assert.equal(withoutObject("[]", KEY), "[]");
});

test("a list ends behind its bracket", () => {
  for (const list of [[], objects.slice(0, 1), objects]) {
    const text = JSON.stringify(list);
    assert.equal(endOfList(`{"objects":${text},"more":[{}]}`, 11), 11 + text.length);
  }
});
