import assert from "node:assert/strict";
import { suite, test } from "node:test";

import { DEFAULT_LIMITS } from "../domain/limits.ts";
import { decideOutcome } from "./decide-outcome.ts";

suite("decideOutcome", () => {
  for (const [type, message, wanted] of [
    ["ValueError", "no\nmore", "ValueError: no"],
    ["ValueError", "", "ValueError"],
    ["", "no", "no"],
  ] as const) {
    test(`an error of type "${type}" with message ${JSON.stringify(message)} is "${wanted}"`, () => {
      const end = { kind: "failed", reason: "raised", type, message, stack: "" } as const;
      const outcome = decideOutcome({ kind: "guest", end }, null, "", false, false, DEFAULT_LIMITS);
      assert.ok(outcome.status === "failed");
      assert.equal(outcome.message, wanted);
    });
  }
});
