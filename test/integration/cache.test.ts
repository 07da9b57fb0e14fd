/** Results that are kept for later runs with the same code and input, on both databases. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, describe, test } from "node:test";

import { openDatabase } from "../../src/db/open-database.ts";
import { evictOutputs } from "../../src/db/sql/evict-outputs.ts";
import { insertRuns } from "../../src/db/sql/insert-runs.ts";
import { eventually } from "../fixtures/eventually.ts";
import { noPostgres, type PostgresServer, startPostgres } from "../fixtures/postgres-server.ts";
import { superviseWorld } from "../fixtures/supervise-world.ts";
import type { SupervisorProcess } from "../fixtures/supervisor-process.ts";

const KEPT = new URL("../fixtures/normalizers-cached/kept", import.meta.url).pathname;
const ON = { WHISKERS_NORMALIZERS: KEPT, WHISKERS_CACHE_SIZE: "10M", WHISKERS_STATE: "fork" };
const DAY_MS = 24 * 3600 * 1000;

describe("results that are kept", { concurrency: 2 }, () => {
  describe("on the embedded database", { timeout: 120_000, concurrency: 1 }, () => {
    common(() => Promise.resolve(null));
  });

  describe("on a server", { timeout: 120_000, concurrency: 1, skip: noPostgres ?? false }, () => {
    let server: PostgresServer;
    before(async () => {
      server = await startPostgres();
    });
    common(() => server.createDatabase());
    after(() => server[Symbol.asyncDispose]());
  });
});

function common(database: () => Promise<string | null>): void {
  const here = superviseWorld(database);
  const work = async (raw: string, more: Parameters<typeof here.add>[1] = {}): Promise<string> => {
    const id = here.add(null, { normalizer: "kept", content: Buffer.from(raw), ...more });
    await here.final(id);
    return id;
  };
  /** As the log has them: the run that made a task's output, and the one that it was taken from. */
  const runOf = async (supervisor: SupervisorProcess, task: string) => {
    const find = () => supervisor.log.find((one) => one.msg === "run succeeded" && one["task"] === task);
    await eventually("the run is in the log", () => find() !== undefined);
    return { run: find()?.["run"], cached: find()?.["cached"] };
  };
  const ended = async (supervisor: SupervisorProcess): Promise<void> => {
    supervisor.signal("SIGTERM");
    assert.equal(await supervisor.ended, 0);
  };
  const open = async () => {
    const opened = await openDatabase({ url: here.databaseUrl, home: here.home });
    return Object.assign(opened, { [Symbol.asyncDispose]: () => opened.close() });
  };

  test("the same raw file and the same of the meta that it reads is not run again", async () => {
    const supervisor = await here.start(ON);
    const first = await work("same");
    const second = await work("same");
    const otherRaw = await work("other");
    const otherMeta = await work("same", { mimeTypes: ["other/type"] });
    const { run, cached } = await runOf(supervisor, first);
    assert.equal(cached, undefined);
    assert.equal((await runOf(supervisor, second)).cached, run, JSON.stringify(supervisor.log));
    assert.deepEqual(here.observed(second), here.observed(first));
    for (const id of [otherRaw, otherMeta]) {
      assert.equal((await runOf(supervisor, id)).cached, undefined);
      assert.notDeepEqual(here.observed(id), here.observed(first));
    }
    // Delivered as its own.
    assert.deepEqual(here.writes(second), ["observation"]);
    assert.equal(here.mock.raws.normalizerMetas.get(second)?.normalizer.id, "kept");
    const metrics = await (await fetch(`${supervisor.operationsUrl()}/metrics`)).text();
    assert.match(metrics, /whiskers_cache_lookups_total\{normalizer="kept",result="hit"\} 1$/mu);
    assert.match(metrics, /whiskers_cache_lookups_total\{normalizer="kept",result="miss"\} 3$/mu);
    // What it does not read it was not given, nor an id of the raw file that is not its content's.
    const names = here.observed(first).map(String);
    assert.ok(
      names.includes("Hostname|internet|arguments-boefjemeta-inputooi-mimetypes-rawdata.example"),
      names.join(),
    );
    assert.equal(names.filter((name) => here.observed(otherMeta).map(String).includes(name)).length, 2);
    await ended(supervisor);

    const next = await here.start(ON);
    const later = await work("same");
    assert.equal((await runOf(next, later)).cached, run, "another process has it, too");
    await ended(next);
    await using ledger = await open();
    const [row] = await ledger.query<{ cached: string; sha: string; original: string; hits: string }>(
      `select run.document->'record'->>'cached' as cached, run.document->'record'->>'outputSha256' as sha,
         (select document->'record'->>'outputSha256' from whiskers.run as it where it.id = $2) as original,
         (select hits::text from whiskers.cache where run_id = $2) as hits
       from whiskers.run where task_id = $1`,
      [later, run],
    );
    assert.deepEqual(row, { cached: run, sha: row?.original, original: row?.original, hits: "2" });
  });

  test("failures, and what another run in the same process may have changed, are not kept; nor is anything by default", async () => {
    for (const [raw, env] of [
      ["fails", ON],
      ["under reuse", { ...ON, WHISKERS_STATE: "reuse" }],
      ["off", { WHISKERS_NORMALIZERS: KEPT, WHISKERS_STATE: "fork" }],
    ] as const) {
      const supervisor = await here.start(env);
      const [first, second] = [await work(raw), await work(raw)];
      if (raw === "fails") assert.deepEqual([first, second].map(here.status), ["failed", "failed"]);
      else assert.notDeepEqual(here.observed(first), here.observed(second), raw);
      assert.equal(supervisor.log.filter((line) => "cached" in line).length, 0);
      await ended(supervisor);
    }
  });

  test("what is kept counts in bytes, and what has no room even alone takes nothing along", async () => {
    const supervisor = await here.start(ON);
    const small = await work("small");
    await work("large");
    await ended(supervisor);
    await using ledger = await open();
    const output = '{"objects":[],"text":"\u00e9\u4e16\ud83d\ude00"}';
    const row = { id: randomUUID(), taskId: small, normalizer: "kept", status: "succeeded" } as const;
    await insertRuns(ledger, [{ ...row, code: null, document: "{}", output, cacheKey: "wide", overMs: 0 }]);
    const [wide] = await ledger.query<{ bytes: number }>(
      "delete from whiskers.cache where key = 'wide' returning output_bytes::int as bytes",
    );
    assert.equal(wide?.bytes, Buffer.byteLength(output));
    await ledger.query(
      `update whiskers.cache set output_bytes = 1000000
       where run_id in (select id from whiskers.run where task_id <> $1)`,
      [small],
    );
    const all = await ledger.query("select key from whiskers.cache");
    assert.equal(await evictOutputs(ledger, 500_000, DAY_MS), all.length - 1);
    const left = await ledger.query<{ task: string }>(
      "select task_id as task from whiskers.cache join whiskers.run on run.id = run_id",
    );
    assert.deepEqual(left, [{ task: small }]);
    await evictOutputs(ledger, 0, DAY_MS);
    await ledger.query("delete from whiskers.run where id = $1", [row.id]);
  });

  test("what was used longest ago leaves first, then what is too old; its output goes with it", async () => {
    const supervisor = await here.start(ON);
    const oldest = await work("one");
    await work("two");
    await work("one");
    await ended(supervisor);
    await using ledger = await open();
    const sizes = await ledger.query<{ task: string; bytes: number; output: boolean }>(
      `select run.task_id as task, output_bytes::int as bytes, output.run_id is not null as output
       from whiskers.cache join whiskers.run on run.id = run_id left join whiskers.output on output.run_id = run.id
       order by used_at desc`,
    );
    assert.ok(
      sizes.length >= 2 && sizes.every(({ output, bytes }) => output && bytes > 100),
      JSON.stringify(sizes),
    );
    assert.equal(sizes[0]?.task, oldest, "used last");
    assert.equal(await evictOutputs(ledger, sizes[0]?.bytes ?? 0, DAY_MS), sizes.length - 1);
    // Failed ones stay as they were.
    const outputs = () =>
      ledger.query<{ task: string }>(
        `select task_id as task from whiskers.output join whiskers.run on run.id = run_id where status = 'succeeded'`,
      );
    assert.deepEqual(await outputs(), [{ task: oldest }]);
    await ledger.query("update whiskers.cache set made_at = now() - interval '2 days'");
    assert.equal(await evictOutputs(ledger, Infinity, DAY_MS), 1);
    assert.deepEqual(await outputs(), []);
  });
}
