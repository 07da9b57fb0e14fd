import assert from "node:assert/strict";
import { suite, test } from "node:test";

import * as fc from "fast-check";

import { parseChallenges } from "./challenges.ts";

suite("challenges", () => {
  test("of registries, as they write them", () => {
    const realm =
      'Bearer realm="https://auth.example/token",service="registry.example",scope="repository:a/b:pull,push"';
    const bearer = {
      scheme: "bearer",
      parameters: {
        realm: "https://auth.example/token",
        service: "registry.example",
        scope: "repository:a/b:pull,push",
      },
    };
    const basic = { scheme: "basic", parameters: { realm: 'a "quoted", one', charset: "UTF-8" } };
    assert.deepEqual(parseChallenges(realm), [bearer]);
    assert.deepEqual(parseChallenges('BASIC Realm="a \\"quoted\\", one", charset=UTF-8'), [basic]);
    assert.deepEqual(
      parseChallenges(['Negotiate, Basic realm="a \\"quoted\\", one" , charset = "UTF-8"', realm]),
      [{ scheme: "negotiate", parameters: {} }, basic, bearer],
    );
    assert.deepEqual(parseChallenges(undefined), []);
    assert.deepEqual(parseChallenges("Bearer"), [{ scheme: "bearer", parameters: {} }]);
  });

  test("any text is read, soon", () => {
    const text = fc.string({
      unit: fc.constantFrom("a", " ", "=", '"', ",", "\\", "\t"),
      maxLength: 6000,
      size: "max",
    });
    fc.assert(
      fc.property(text, (header) => {
        for (const { scheme } of parseChallenges(header)) assert.match(scheme, /^[a-z]+$/u);
      }),
      { numRuns: 50 },
    );
    const started = performance.now();
    for (const long of [
      "a".repeat(1e6),
      "a ".repeat(5e5),
      '"'.repeat(1e6),
      "a=".repeat(5e5),
      `a="${"\\".repeat(1e6)}`,
    ]) {
      parseChallenges(long);
    }
    assert.ok(performance.now() - started < 5000);
  });
});
