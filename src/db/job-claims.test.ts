import assert from "node:assert/strict";
import { test } from "node:test";

import type { PgBoss } from "pg-boss";

import type { Database } from "./database.ts";
import { JobClaims } from "./job-claims.ts";

/** A queue of one job that is there for whoever takes it, at once when it was given back. */
function bossOfOneJob(onFail: () => Promise<void>): PgBoss {
  let retryCount = -1;
  const boss: Pick<PgBoss, "createQueue" | "updateQueue" | "fetch" | "fail"> = {
    createQueue: () => Promise.resolve(),
    updateQueue: () => Promise.resolve(),
    fetch: () => Promise.resolve([{ id: "job", data: {}, retryCount: (retryCount += 1) }] as never),
    fail: async () => {
      await onFail();
      return { jobs: [], requested: 1, affected: 1 };
    },
  };
  return boss as PgBoss;
}

test("a job that is taken again while it is given back is held from then on", async () => {
  let again: AbortSignal | undefined;
  const boss = bossOfOneJob(async () => {
    const [job] = await claims.take(1);
    again = job?.lost;
  });
  const options = { boss, queue: "task", claimSeconds: 30, onError: assert.ifError };
  const claims = await JobClaims.open({ kind: "server" } as Database, options);
  try {
    await claims.take(1);
    await claims.release(["job"]);
    assert.equal(again?.aborted, false);
    assert.ok(claims.holds("job"), "it is renewed, and can be settled");
  } finally {
    claims.close();
  }
});
