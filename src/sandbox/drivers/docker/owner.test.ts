import assert from "node:assert/strict";
import { test } from "node:test";

import { sandboxNamePrefix } from "../../cgroup/owner.ts";
import { isAbandoned, labelsOf } from "./owner.ts";
import type { Found } from "./owner.ts";

const NOW_MS = 1_000_000_000_000;
const HOUR_MS = 3_600_000;

test("a container is abandoned when its process has ended, or when nobody can have any use for it", () => {
  const name = `${sandboxNamePrefix()}1`;
  const judge = (change: Partial<Record<string, string>>, rest: Partial<Found> = {}): boolean =>
    isAbandoned(
      {
        labels: { ...labelsOf(name, "/home"), ...change },
        state: "running",
        createdMs: NOW_MS - 2 * HOUR_MS,
        ...rest,
      },
      NOW_MS,
    );
  const dead = name.replace(/-\d+-(\d+)$/u, "-7-$1");
  const elsewhere = name.replace(/whiskers-\d+/u, "whiskers-1");
  assert.equal(judge({}), false, "of this process");
  assert.equal(judge({ "whiskers.sandbox": dead }), true, "of one that has ended");
  assert.equal(judge({ "whiskers.sandbox": elsewhere }), false, "of another pid namespace");
  assert.equal(
    judge({ "whiskers.sandbox": dead, "whiskers.boot": "another" }),
    false,
    "of another machine, or of another boot, while it runs",
  );
  assert.equal(judge({ "whiskers.boot": "another" }, { state: "exited" }), true, "ended long ago");
  assert.equal(judge({ "whiskers.boot": "another" }, { state: "created", createdMs: NOW_MS }), false, "new");
  assert.equal(isAbandoned({ labels: {}, state: "exited", createdMs: 0 }, NOW_MS), false, "not ours");
});
