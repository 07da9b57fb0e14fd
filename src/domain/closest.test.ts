import assert from "node:assert/strict";
import { suite, test } from "node:test";

import * as fc from "fast-check";

import { closest, didYouMean } from "./closest.ts";

suite("closest", () => {
  const words = ["entrypoint", "environment", "limits", "id"];
  test("finds what was meant", () => {
    assert.equal(closest("entrypiont", words), "entrypoint");
    assert.equal(closest("Enviroment", words), "environment");
    assert.equal(closest("limit", words), "limits");
    assert.equal(closest("di", words), "id");
    assert.equal(didYouMean("limts", words), '; did you mean "limits"?');
  });
  test("says nothing when nothing is near", () => {
    assert.equal(closest("banana", words), null);
    assert.equal(closest("", words), null);
    assert.equal(didYouMean("banana", words), "");
    assert.equal(closest("x".repeat(100_000), ["x".repeat(100_000)]), null);
  });
  test("a word that is there is its own closest", () => {
    fc.assert(
      fc.property(
        fc.array(fc.string({ minLength: 1, maxLength: 20 }), { minLength: 1 }),
        fc.nat(),
        (some, at) => {
          const word = some[at % some.length] ?? "";
          assert.equal(closest(word, some)?.toLowerCase(), word.toLowerCase());
        },
      ),
    );
  });
});
