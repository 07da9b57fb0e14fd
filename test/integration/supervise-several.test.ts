/** Several `whiskers supervise` on one PostgreSQL, stopped and killed, and what only its tables show. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { cpSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { Client } from "pg";

import { SMALL_OUTPUT_BYTES } from "../../src/db/sql/take-up-deliveries.ts";
import { eventually } from "../fixtures/eventually.ts";
import { noPostgres, type PostgresServer, startPostgres } from "../fixtures/postgres-server.ts";
import { hostname, NETWORK, SOURCE, superviseWorld } from "../fixtures/supervise-world.ts";

const PUPPET = new URL("../fixtures/normalizers/puppet", import.meta.url).pathname;

describe("several on one server", { timeout: 300_000, skip: noPostgres ?? false }, () => {
  let server: PostgresServer;
  before(async () => {
    server = await startPostgres();
  });
  several(() => server.createDatabase());
  after(() => server[Symbol.asyncDispose]());
});

function several(database: () => Promise<string | null>): void {
  const here = superviseWorld(database);
  const query = async <Row>(statement: string, values: readonly unknown[] = []): Promise<readonly Row[]> => {
    const client = new Client({ connectionString: here.databaseUrl ?? "" });
    await client.connect();
    try {
      return (await client.query(statement, [...values])).rows as readonly Row[];
    } finally {
      await client.end();
    }
  };

  test("one that is stopped past its claim and goes on delivers nothing, and overwrites nothing", async () => {
    const first = await here.start({ WHISKERS_SLOTS: "1" });
    const id = here.add({ sleep: 2, yield: [hostname("stopped.example")] });
    await eventually("it runs", () => here.status(id) === "running");
    first.signal("SIGSTOP");
    await here.start();
    await here.final(id);
    const writes = here.mock.received.length;
    first.signal("SIGCONT");
    await eventually(
      "it notices",
      () => first.log.some(({ msg, task }) => task === id && msg.startsWith("claim lost")),
      20_000,
    );
    await sleep(500);
    assert.equal(here.mock.received.length, writes);
    assert.equal(here.status(id), "completed");
    assert.deepEqual(await query("select state, starts from whiskers.task where id = $1", [id]), [
      { state: "succeeded", starts: 2 },
    ]);
    const runs = await query("select status from whiskers.run where task_id = $1", [id]);
    assert.deepEqual(runs, [{ status: "succeeded" }]);
  });

  test("§3.4 one that is stopped in mid-delivery writes nothing more when it goes on", async () => {
    const first = await here.start({ BOEFJES_OUTGOING_REQUEST_TIMEOUT: "2" });
    here.mock.addFault("octopoes", { match: "observations", kind: "hang", times: 1 });
    const id = here.add({ yield: [hostname("mid.example")] });
    await eventually("it delivers", () => here.mock.faultHits("octopoes")[0]?.hits === 1);
    first.signal("SIGSTOP");
    await here.start();
    await here.final(id);
    // Somebody looks at the result and sets another status: that is the last word.
    here.mock.tasks.patch(here.mock.tasks.get(id) ?? assert.fail(), { status: "cancelled" });
    first.signal("SIGCONT");
    await eventually(
      "it notices",
      () => first.log.some(({ msg, task }) => task === id && msg.startsWith("claim lost")),
      20_000,
    );
    await sleep(500);
    assert.deepEqual(here.writes(id), ["observation"]);
    assert.equal(here.status(id), "cancelled");
    assert.deepEqual(await query("select attempt, state from whiskers.delivery where task_id = $1", [id]), [
      { attempt: 2, state: "delivered" },
    ]);
  });

  test("a task that ends every process that runs it is given up, and blocks nobody", async () => {
    const poison = here.add({ sleep: 20 });
    for (let n = 0; n < 2; n += 1) {
      const victim = await here.start({ WHISKERS_ATTEMPTS: "2", WHISKERS_SLOTS: "1" });
      await eventually("it runs", () => starts(poison).then((count) => count === n + 1), 60_000);
      await victim.kill();
    }
    const last = await here.start({ WHISKERS_ATTEMPTS: "2" });
    const other = here.add({});
    await here.final(other);
    await here.final(poison);
    assert.equal(here.status(poison), "failed");
    assert.equal(last.log.find(({ task, code }) => task === poison && code)?.["code"], "worker-lost");
  });

  const isSettled = async (id: string): Promise<boolean> => {
    const rows = await query("select 1 from whiskers.task where id = $1 and settled_at is not null", [id]);
    return rows.length === 1;
  };

  const starts = async (id: string): Promise<number | undefined> => {
    const [row] = await query<{ starts: number }>("select starts from whiskers.task where id = $1", [id]);
    return row?.starts;
  };

  test("§1.9 §10.2 what was popped by one who died at once, and an end that was overwritten, are found", async () => {
    const done = here.add({});
    const first = await here.start();
    await here.final(done);
    await eventually("it is settled", () => isSettled(done));
    await first.kill();
    // As if a message of long ago had come now.
    const task = here.mock.tasks.get(done);
    assert.ok(task !== undefined);
    here.mock.tasks.patch(task, { status: "running" });
    const lost = here.add({ yield: [hostname("lost.example")] });
    here.mock.tasks.pop(1, ({ id }) => id === lost);
    const foreign = here.add({}, { normalizer: "somebody-else's" });
    here.mock.tasks.pop(1, ({ id }) => id === foreign);
    await sleep(1200);
    await here.start({ WHISKERS_RECONCILE_AFTER: "1s" });
    await here.final(done, lost);
    assert.deepEqual([done, lost].map(here.status), ["completed", "completed"]);
    assert.deepEqual(here.observed(lost), ["Hostname|internet|lost.example"]);
    assert.equal(here.writes(done).length, 1);
    assert.equal(here.status(foreign), "dispatched");
  });

  test("one that comes again after it is over is told again, and not run again", async () => {
    await here.start();
    const id = here.add({});
    await here.final(id);
    await eventually("it is settled", () => isSettled(id));
    const task = here.mock.tasks.get(id);
    assert.ok(task !== undefined);
    here.mock.tasks.patch(task, { status: "queued" });
    await here.final(id);
    assert.equal(here.writes(id).length, 1);
  });

  test("a service that is away for a while: everything waits for it, and nobody's slot", async () => {
    await here.start();
    here.mock.addFault("octopoes", { kind: "reset" });
    const ids = Array.from({ length: 10 }, () => here.add({ yield: [hostname("away.example")] }));
    await eventually("all wait", async () => {
      const rows = await query("select 1 from whiskers.task where state = 'delivering' and id = any ($1)", [
        ids,
      ]);
      return rows.length === ids.length;
    });
    await sleep(1000);
    assert.ok(ids.every((id) => ["dispatched", "running"].includes(here.status(id) ?? "")));
    here.mock.clearFaults();
    await here.final(...ids);
    assert.deepEqual(
      ids.map(here.status),
      ids.map(() => "completed"),
    );
  });

  test("large outputs that waited are delivered whole by who comes after, without the scanned object", async () => {
    const first = await here.start();
    here.mock.addFault("octopoes", { kind: "reset" });
    const many = 1500;
    const ids = Array.from({ length: 4 }, () => here.add({ hostnames: many, yield: [NETWORK] }));
    await eventually("all wait", async () => {
      const rows = await query<{ bytes: number }>(
        `select octet_length(output.document::text) as bytes
         from whiskers.task join whiskers.run on run.task_id = task.id join whiskers.output on output.run_id = run.id
         where task.state = 'delivering' and task.id = any ($1)`,
        [ids],
      );
      return rows.filter(({ bytes }) => bytes > SMALL_OUTPUT_BYTES).length === ids.length;
    });
    await first.kill();
    here.mock.clearFaults();
    await here.start();
    await here.final(...ids);
    for (const id of ids) {
      assert.equal(here.status(id), "completed");
      const observed = here.observed(id);
      assert.deepEqual([observed.length, observed.includes(SOURCE)], [many, false]);
      assert.equal(new Set(observed).size, many);
    }
  });

  test("§10.22 a package that is put into a folder of packages is run without a restart", async () => {
    const folder = join(here.home, "given");
    cpSync(PUPPET, join(folder, "puppet"), { recursive: true });
    await here.start({ WHISKERS_NORMALIZERS: folder });
    const id = here.add({ yield: [hostname("late.example")] }, { normalizer: "late" });
    cpSync(PUPPET, join(here.home, "late"), { recursive: true });
    const manifest = join(here.home, "late", "normalizer.json");
    writeFileSync(manifest, readFileSync(manifest, "utf8").replace('"puppet"', '"late"'));
    renameSync(join(here.home, "late"), join(folder, "late"));
    await here.final(id);
    assert.deepEqual(here.observed(id), ["Hostname|internet|late.example"]);
  });

  test("a malformed task fails, and the others do not notice", async () => {
    const supervisor = await here.start();
    const id = randomUUID();
    const data = {
      id,
      normalizer: { id: "puppet" },
      raw_data: { id: randomUUID(), mime_types: [], boefje_meta: { id: randomUUID() } },
    };
    here.mock.tasks.push({ id, organisation: "org", priority: 1, data });
    const other = here.add({});
    await here.final(id, other);
    assert.deepEqual([id, other].map(here.status), ["failed", "completed"]);
    assert.match(String(supervisor.log.find(({ task }) => task === id)?.["reason"]), /boefje/u);
  });

  test("wrong credentials for Bytes, half of OpenKAT's settings, no normalizer: refused at the start", async () => {
    await assert.rejects(here.start({ BYTES_PASSWORD: "wrong" }), /does not accept the user `bytes`/u);
    await assert.rejects(here.start({ OCTOPOES_API: "" }), /OCTOPOES_API must be set/u);
    await assert.rejects(
      here.start({ WHISKERS_NORMALIZERS: "/nowhere" }),
      /WHISKERS_NORMALIZERS: \/nowhere/u,
    );
    await assert.rejects(here.start({ WHISKERS_SLOTS: "many" }), /WHISKERS_SLOTS is "many"/u);
  });
}
