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
  fresh.put("a", run("a"), 10 * MIB);
  fresh.put("b", run("b"), 10 * MIB);
  assert.deepEqual(fresh.ids(), ["b"]);
  assert.deepEqual([fresh.bytesOf("a"), fresh.bytesOf("b")], [null, 10 * MIB]);
  assert.equal(fresh.take("a"), null);
  assert.equal(fresh.take("b")?.task.id, "b");
  fresh.put("c", run("c"), 15 * MIB);
  assert.deepEqual(fresh.ids(), ["c"], "what was taken does not count");
  fresh.put("d", run("d"), 17 * MIB);
  assert.deepEqual(fresh.ids(), []);
});

test("many small ones are bounded by their number", () => {
  const fresh = new FreshRuns();
  for (let at = 0; at < 600; at += 1) fresh.put(String(at), run("n"), 10);
  assert.equal(fresh.ids().length, 512);
  assert.equal(fresh.bytesOf("599"), 10);
});
