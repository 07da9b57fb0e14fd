/**
 * Three supervisors on one PostgreSQL, each killed again and again, and so are their sandboxes, while every service
 * fails now and then: at the end every task has ended as it should, and what arrived is what its normalizer gave.
 * A task whose sandbox was killed in mid-run fails, and says so; there are no more of them than sandboxes were killed.
 *
 * WHISKERS_TEST_CHAOS_TASKS: how many (default 120); WHISKERS_TEST_CHAOS_KILL_MS: pause between two kills.
 */
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { Client } from "pg";

import { checkObject } from "../../src/cli/check-object.ts";
import type { FaultKind } from "../../src/mock-openkat/faults.ts";
import { type MockOpenKat, startMockOpenKat } from "../../src/mock-openkat/start-mock-openkat.ts";
import { listTree } from "../../src/sandbox/drivers/process-tree.ts";
import { eventually } from "../fixtures/eventually.ts";
import { noPostgres, startPostgres } from "../fixtures/postgres-server.ts";
import { spawnSupervisor, startSupervisor, type SupervisorProcess } from "../fixtures/supervisor-process.ts";

const TASKS = Number(process.env["WHISKERS_TEST_CHAOS_TASKS"] ?? 120);
const KILL_MS = Number(process.env["WHISKERS_TEST_CHAOS_KILL_MS"] ?? 1500);
const SUPERVISORS = 3;
/** Of requests that meet each kind of fault. */
const FAULT_RATE = 0.01;
const SOURCE = "Network|internet";

/** What a task should come to: keys of what is observed, or null when it fails. */
type Expected = readonly string[] | null;

test(
  `${TASKS} tasks, ${SUPERVISORS} supervisors, a kill every ${KILL_MS} ms`,
  { skip: noPostgres ?? false, timeout: 120_000 + TASKS * 200 },
  async (t) => {
    const home = mkdtempSync(join(tmpdir(), "whiskers-chaos-"));
    await using server = await startPostgres();
    const databaseUrl = await server.createDatabase();
    const mock = await startMockOpenKat({ check: checkObject, slowMs: 100, seed: 7 });
    mock.graphs
      .get("org")
      ?.declare(SOURCE, { object_type: "Network", name: "internet", primary_key: SOURCE });
    injectFaults(mock);
    const expected = new Map<string, Expected>();
    for (let n = 0; n < TASKS; n += 1) addTask(mock, n, expected);

    const env = {
      WHISKERS_ATTEMPTS: "20",
      WHISKERS_RECONCILE_AFTER: "15s",
      BOEFJES_OUTGOING_REQUEST_TIMEOUT: "5",
    };
    const begin = (): SupervisorProcess => spawnSupervisor({ mock, home, databaseUrl, env });
    let living = Array.from({ length: SUPERVISORS }, begin);
    const all = [...living];
    const startedMs = performance.now();
    let kills = 0;
    let sandboxKills = 0;
    let restarts = 0;
    const isFinal = (id: string): boolean =>
      ["completed", "failed"].includes(mock.tasks.get(id)?.status ?? "");
    const countFinal = (): number => [...expected.keys()].filter(isFinal).length;
    try {
      for (let round = 0; countFinal() < TASKS; round += 1) {
        await sleep(KILL_MS);
        if (process.env["WHISKERS_TEST_VERBOSE"] !== undefined) {
          const by = Object.groupBy(mock.tasks.all(), ({ status }) => status);
          const counts = Object.entries(by).map(([status, some]) => `${status} ${some.length}`);
          const ready = living.filter(({ log }) => log.some(({ msg }) => msg === "ready")).length;
          process.stderr.write(`${round}: ${ready} ready, ${kills} kills; ${counts.join(", ")}\n`);
          for (const one of living)
            for (const line of one.log.slice(-2))
              process.stderr.write(`   ${one.pid} ${JSON.stringify(line).slice(0, 300)}\n`);
        }
        // One that starts while the database is away ends and says so; whatever runs it starts it again.
        for (const [index, one] of living.entries()) {
          const ended = await Promise.race([one.ended, Promise.resolve(null)]);
          if (ended === null) continue;
          assert.ok(!one.log.some(({ msg }) => msg === "ready"), `one that was ready ended with ${ended}`);
          const next = begin();
          all.push(next);
          living = living.with(index, next);
        }
        const victim = living[round % SUPERVISORS];
        // One that has not even begun is no challenge. Some have to get something done: on a slow machine the next
        // kill is always sooner than the first run.
        const enough = round % 2 === 0 ? ["ready"] : SOMETHING_DONE;
        if (victim?.log.some(({ msg }) => enough.includes(msg)) === true) {
          await victim.kill();
          kills += 1;
          const next = begin();
          all.push(next);
          living = living.with(round % SUPERVISORS, next);
        }
        if (killOneSandbox(living)) sandboxKills += 1;
        // The database goes down twice.
        if (restarts < 2 && countFinal() > (TASKS * (restarts + 1)) / 3) {
          await server.restart(restarts === 0 ? "fast" : "kill");
          restarts += 1;
        }
      }
      const workMs = performance.now() - startedMs;
      await Promise.all(living.map((one) => one.kill()));
      mock.clearFaults();
      // One that is left alone settles what is left of the ledger, and drains.
      const last = await startSupervisor({ mock, home, databaseUrl, env });
      all.push(last);
      await eventually("the ledger is settled", async () => (await unsettled(databaseUrl)) === 0, 60_000);
      last.signal("SIGTERM");
      await last.ended;

      const killed = await endedByKill(databaseUrl);
      const victims = [...expected].filter(([id, keys]) => keys !== null && killed.has(id));
      for (const [id] of victims) expected.set(id, null);
      assert.ok(victims.length <= sandboxKills, `${victims.length} runs ended by ${sandboxKills} kills`);
      const wrong = [...expected].flatMap(([id, keys]) => judge(mock, id, keys));
      assert.deepEqual(wrong, []);
      const ledger = await statesOf(databaseUrl);
      for (const [id, keys] of expected)
        assert.equal(ledger.get(id), keys === null ? "failed" : "succeeded", id);
      assert.equal(ledger.size, TASKS);
      // Of processes, folders and jobs.
      await eventually("no process is left", () => processesOf(home).length === 0, 10_000);
      const hits = (["mula", "bytes", "octopoes"] as const).map(
        (name) => `${name} ${faultCounts.get(name) ?? 0}`,
      );
      const observations = mock.received.filter(({ kind }) => kind === "observation").length;
      t.diagnostic(
        `${TASKS} tasks in ${(workMs / 1000).toFixed(1)} s; ${kills} kills, ${all.length} processes, ` +
          `${sandboxKills} sandboxes killed, ${victims.length} of them in mid-run, ` +
          `${restarts} restarts of PostgreSQL; faults: ${hits.join(", ")}; ${observations} observations ` +
          `for ${[...expected.values()].filter((keys) => keys !== null).length} successes; ` +
          `most begun: ${await mostStarts(databaseUrl)} times`,
      );
    } catch (error) {
      for (const one of all.slice(-4)) t.diagnostic(one.otherOutput() + JSON.stringify(one.log.slice(-5)));
      throw error;
    } finally {
      await Promise.all(living.map((one) => one.kill()));
      await mock.close();
      rmSync(home, { recursive: true, force: true });
    }

    function injectFaults(to: MockOpenKat): void {
      const kinds: readonly FaultKind[] = ["error", "reset", "truncate", "latency"];
      for (const service of ["mula", "bytes", "octopoes"] as const) {
        for (const kind of kinds) {
          for (const when of ["before", "after"] as const) {
            to.addFault(service, { kind, when, rate: FAULT_RATE / 2, ms: 300 });
          }
        }
      }
      to.addFault("bytes", { match: "/bytes/", kind: "unauthorized", rate: FAULT_RATE });
      const clear = to.clearFaults.bind(to);
      to.clearFaults = () => {
        for (const service of ["mula", "bytes", "octopoes"] as const) {
          faultCounts.set(
            service,
            to.faultHits(service).reduce((sum, { hits }) => sum + hits, 0),
          );
        }
        clear();
      };
    }
  },
);

const faultCounts = new Map<string, number>();

/** What the log of a supervisor says when a run has ended. */
const SOMETHING_DONE = ["run succeeded", "run failed", "delivered"];

/** Ends one process in a sandbox of one of these supervisors, if there is one. */
function killOneSandbox(living: readonly SupervisorProcess[]): boolean {
  const guests = living
    .flatMap(({ pid }) => listTree(pid))
    .filter((pid) => commandOf(pid).includes("/sdk/python/start.py\0"));
  // The last are the youngest: forked for a run.
  const guest = guests.at(-1);
  if (guest === undefined) return false;
  try {
    process.kill(guest, "SIGKILL");
    return true;
  } catch {
    return false;
  }
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8");
  } catch {
    return "";
  }
}

/** Tasks whose run failed because its sandbox, or the process in it, was killed. */
async function endedByKill(databaseUrl: string): Promise<ReadonlySet<string>> {
  const rows = await query<{ id: string }>(
    databaseUrl,
    `select task_id as id from whiskers.run
     where code = 'normalizer-crashed' and document #>> '{outcome,message}' like '%SIGKILL%'`,
  );
  return new Set(rows.map(({ id }) => id));
}

function addTask(mock: MockOpenKat, n: number, expected: Map<string, Expected>): void {
  const names = Array.from({ length: n % 5 }, (_, index) => `h${index}.t${n}.example`);
  const records = names.map((name) => ({ object_type: "Hostname", network: SOURCE, name }));
  const kind = n % 20;
  const bad = kind === 3 ? { raise: "no" } : kind === 7 ? { crash: true } : null;
  const invalid = kind === 11 ? [{ object_type: "Hostname", name: 1 }] : [];
  const todo = { yield: [...records, ...invalid], sleep: kind === 13 ? 0.5 : 0, ...bad };
  const id = mock.addWork({
    normalizer: "puppet",
    content: Buffer.from(JSON.stringify(todo)),
    inputOoi: SOURCE,
  });
  const fails = bad !== null || invalid.length > 0;
  expected.set(id, fails ? null : names.map((name) => `Hostname|internet|${name}`));
}

function judge(mock: MockOpenKat, id: string, keys: Expected): readonly string[] {
  const status = mock.tasks.get(id)?.status;
  const writes = mock.received.filter(({ taskId }) => taskId === id);
  const wrong: string[] = [];
  if (status !== (keys === null ? "failed" : "completed")) wrong.push(`${id} is ${status}`);
  if (mock.raws.normalizerMetas.has(id) !== (keys !== null)) wrong.push(`${id}: its metadata`);
  if (keys === null) return writes.length === 0 ? wrong : [...wrong, `${id} failed, and was written`];
  if (writes.length === 0) wrong.push(`${id}: nothing arrived`);
  for (const { body, kind } of writes) {
    const result = (body as { readonly result?: readonly { readonly primary_key: string }[] }).result ?? [];
    const got = result.map(({ primary_key }) => primary_key).toSorted();
    if (kind !== "observation" || got.join() !== [...keys].toSorted().join())
      wrong.push(`${id}: ${got.join()}`);
  }
  return wrong;
}

async function query<Row>(databaseUrl: string, statement: string): Promise<readonly Row[]> {
  const client = new Client({ connectionString: databaseUrl });
  client.on("error", () => {});
  await client.connect();
  try {
    return (await client.query(statement)).rows as readonly Row[];
  } finally {
    await client.end();
  }
}

async function unsettled(databaseUrl: string): Promise<number> {
  const rows = await query<{ count: number }>(
    databaseUrl,
    `select (select count(*) from whiskers.task where settled_at is null)::int
          + (select count(*) from pgboss.job where name in ('task', 'delivery'))::int as count`,
  );
  return rows[0]?.count ?? -1;
}

async function statesOf(databaseUrl: string): Promise<ReadonlyMap<string, string>> {
  const rows = await query<{ id: string; state: string }>(databaseUrl, "select id, state from whiskers.task");
  return new Map(rows.map(({ id, state }) => [id, state]));
}

async function mostStarts(databaseUrl: string): Promise<number> {
  const rows = await query<{ most: number }>(databaseUrl, "select max(starts) as most from whiskers.task");
  return rows[0]?.most ?? 0;
}

/** Processes that were started with our folder in their arguments or environment. */
function processesOf(home: string): readonly string[] {
  return readdirSync("/proc").filter((name) => {
    if (!/^\d+$/u.test(name)) return false;
    try {
      const text =
        readFileSync(`/proc/${name}/cmdline`, "utf8") + readFileSync(`/proc/${name}/environ`, "utf8");
      return text.includes(home);
    } catch {
      return false;
    }
  });
}
