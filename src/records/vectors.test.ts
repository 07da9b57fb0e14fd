import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { normaliseHostname } from "./hostname.ts";
import { primaryKey } from "./primary-key.ts";
import { collect, readVectors } from "./testing/collect.ts";
import { normaliseUrl } from "./url.ts";

describe("§10.27 objects as OpenKAT stores them", () => {
  for (const { json, primary_key: key } of readVectors("golden")) {
    test(key.slice(0, 100), async () => {
      const {
        scan_profile: _profile,
        user_id: _user,
        primary_key: _key,
        object_type: type,
        ...fields
      } = json;
      const expected = { object_type: type, primary_key: key, ...fields };
      for (const given of [json, { object_type: type, ...fields }]) {
        const { objects, rejections } = await collect([given]);
        assert.deepEqual(rejections, []);
        assert.deepEqual(objects, [expected]);
        assert.deepEqual(Object.keys(objects[0] ?? {}), Object.keys(expected));
      }
      assert.equal(primaryKey(json), key);
      const { rejections } = await collect([{ ...json, primary_key: `${key}x` }]);
      assert.equal(rejections[0]?.path, "/primary_key");
    });
  }
});

test("hostnames as OpenKAT stores them", () => {
  for (const { input, stored } of readVectors("hostname")) {
    assert.equal(normaliseHostname(input), stored, JSON.stringify(input));
  }
});

test("URLs as OpenKAT stores them", () => {
  for (const { input, stored } of readVectors("url")) {
    assert.equal(normaliseUrl(input), stored, JSON.stringify(input));
  }
});

test("carets stay where OpenKAT leaves them", () => {
  const stored = new Map([
    ["https://e.com/a^b", "https://e.com/a^b"],
    ["https://e.com/a%5Eb^caret", "https://e.com/a%5Eb^caret"],
    ["https://u^v:p^q@e.com/^?a^b#c^d", "https://u%5Ev:p%5Eq@e.com/^?a^b#c^d"],
    ["file:///a^b", "file:///a^b"],
    ["https://e^x.com/", null],
  ]);
  for (const [input, expected] of stored) assert.equal(normaliseUrl(input), expected);
});

test("numbers in keys are written as Python writes them", () => {
  const written = new Map([
    [5, "5.0"],
    [0, "0.0"],
    [-0.0001, "-0.0001"],
    [0.00005, "5e-05"],
    [1.25e-10, "1.25e-10"],
    [179.123456789, "179.123456789"],
    [1e15, "1000000000000000.0"],
    [1e16, "1e+16"],
  ]);
  for (const [number, text] of written) {
    const point = {
      object_type: "GeographicPoint",
      ooi: "Network|internet",
      longitude: number,
      latitude: 1.5,
    };
    assert.equal(primaryKey(point), `GeographicPoint|Network|internet|${text}|1.5`);
  }
});
