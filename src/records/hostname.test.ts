import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { test } from "node:test";

import * as fc from "fast-check";

import { normaliseHostname } from "./hostname.ts";

/** OpenKAT's rule on top of Python's codec `idna`. Reads JSON texts, one a line, and answers alike. */
const ORACLE = `
import json, sys
allowed = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.")
def stored(name):
    try:
        name = name.lower().encode("idna").decode("ascii")
    except UnicodeError:
        return None
    return name if set(name) <= allowed and not name.endswith("-") else None
for name in map(json.loads, sys.stdin):
    sys.stdout.write(json.dumps(stored(name)) + "\\n")
`;

const python = spawnSync("python3", ["-c", "pass"]).status === 0;
const skip = python ? false : "there is no python3 to compare with";

test("every character alone is what Python's codec makes of it", { skip, timeout: 120_000 }, () => {
  const names = [...codePoints()].map((codePoint) => String.fromCodePoint(codePoint));
  const expected = askPython(names);
  assert.equal(expected.length, names.length);
  const different = names.filter((name, at) => normaliseHostname(name) !== expected[at]);
  assert.deepEqual(different, []);
});

/** All that Unicode has given a meaning, and every so many of the planes where nothing is, to save time. */
function* codePoints(): Generator<number, void> {
  for (let codePoint = 0; codePoint < 0x110000; codePoint += 1) {
    const plane = codePoint >> 16;
    const used = plane < 4 || plane === 14 || (codePoint & 0xffff) >= 0xfffe;
    const isSurrogate = codePoint >= 0xd800 && codePoint < 0xe000;
    if (!isSurrogate && (used || codePoint % 97 === 0)) yield codePoint;
  }
}

test("names of several characters are what Python's codec makes of them", { skip, timeout: 60_000 }, () => {
  // Letters of several scripts, marks that combine and reorder, what nameprep drops, dots of all kinds.
  const pieces = Array.from(
    "aZ09-.xnß\u0130\u03a3\u03c2\u0645\u05d0\u0301\u0323\u0345\u1abf\u200c\u200d\u3002\uff0e\uff61\u00ad\u2168",
  );
  const odd = [
    "xn--",
    "\u1100\u1161",
    "\u0b47\u0b3e",
    "\ud83d\ude00",
    "\u{2f868}",
    "\ufa70",
    "\u{1109a}",
    "\u{1d400}",
    "\u0660",
    "\ufb1d",
  ];
  const names = fc.sample(
    fc.array(fc.oneof(fc.constantFrom(...pieces, ...odd), fc.string({ unit: "binary", maxLength: 1 })), {
      maxLength: 12,
    }),
    { numRuns: 4000, seed: 20_251_123 },
  );
  const inputs = names.map((name) => name.join(""));
  const expected = askPython(inputs);
  for (const [at, input] of inputs.entries()) {
    assert.equal(normaliseHostname(input), expected[at], JSON.stringify(input));
  }
});

test("a hostile name costs little", () => {
  const startedMs = performance.now();
  for (const name of [
    "ü".repeat(60_000),
    "a.".repeat(30_000),
    "\u00ad".repeat(60_000),
    "a".repeat(16_000_000),
  ]) {
    normaliseHostname(name);
  }
  assert.ok(performance.now() - startedMs < 2000);
});

function askPython(names: readonly string[]): readonly (string | null)[] {
  const output = execFileSync("python3", ["-c", ORACLE], {
    input: names.map((name) => JSON.stringify(name)).join("\n"),
    encoding: "utf8",
    maxBuffer: 2 ** 26,
  });
  return output
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as string | null);
}
