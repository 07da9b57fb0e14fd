import assert from "node:assert/strict";
import { test } from "node:test";

import type { StoredRun } from "./delivery-plan.ts";
import { FreshRuns } from "./fresh-runs.ts";

const MIB = 1024 * 1024;

function run(name: string): StoredRun {
  return {
    task: { id: name, package: "n", raw: "r" },
    startedAt: "",
    endedAt: "",
    outcome: { status: "succeeded" },
    normalizer: null,
    packageDigest: null,
    records: null,
  };
}

test("the oldest are let go when they hold too much; one that is larger than all may hold is not kept", () => {
  const fresh = new FreshRuns();
  fresh.put("a", run("a"), 20 * MIB);
  const held = fresh.held();
  fresh.put("b", run("b"), 20 * MIB);
  assert.deepEqual([...fresh.held().keys()], ["b"]);
  assert.equal(held.get("a")?.task.id, "a", "who looked before still has it");
  fresh.forget("b");
  fresh.put("c", run("c"), 30 * MIB);
  assert.deepEqual([...fresh.held().keys()], ["c"], "what was forgotten does not count");
  fresh.put("d", run("d"), 33 * MIB);
  assert.deepEqual([...fresh.held().keys()], []);
});

test("many small ones are bounded by their number", () => {
  const fresh = new FreshRuns();
  for (let at = 0; at < 600; at += 1) fresh.put(String(at), run("n"), 10);
  assert.equal(fresh.held().size, 512);
  assert.ok(fresh.held().has("599"));
});
