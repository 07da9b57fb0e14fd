/** How soon `whiskers supervise` begins a task: measured while nothing else runs. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { eventually } from "../fixtures/eventually.ts";
import { noPostgres, type PostgresServer, startPostgres } from "../fixtures/postgres-server.ts";
import { superviseWorld } from "../fixtures/supervise-world.ts";

describe("on the embedded database", { timeout: 120_000 }, () => {
  idle(() => Promise.resolve(null));
});

describe("on a server", { timeout: 120_000, skip: noPostgres ?? false }, () => {
  let server: PostgresServer;
  before(async () => {
    server = await startPostgres();
  });
  idle(() => server.createDatabase());
  after(() => server[Symbol.asyncDispose]());
});

function idle(database: () => Promise<string | null>): void {
  const here = superviseWorld(database);

  test("§10.16 a task that arrives on an idle queue is begun within half a second", async () => {
    await here.start();
    await here.final(here.add({}));
    await sleep(1500);
    const startedMs = performance.now();
    const id = here.add({ sleep: 1 });
    await eventually("it runs", () => here.status(id) === "running", 5000);
    const latencyMs = performance.now() - startedMs;
    assert.ok(latencyMs < 500, `${latencyMs} ms`);
    await here.final(id);
  });
}
