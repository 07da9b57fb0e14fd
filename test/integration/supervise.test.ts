/** `whiskers supervise` against an OpenKAT that is as strict as the real one, on both databases. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { cpSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { Client } from "pg";

import { checkObject } from "../../src/cli/check-object.ts";
import { type MockOpenKat, startMockOpenKat } from "../../src/mock-openkat/start-mock-openkat.ts";
import { eventually } from "../fixtures/eventually.ts";
import { noPostgres, type PostgresServer, startPostgres } from "../fixtures/postgres-server.ts";
import {
  startSupervisor,
  type SupervisorProcess,
  type SupervisorProcessOptions,
} from "../fixtures/supervisor-process.ts";

const PUPPET = new URL("../fixtures/normalizers/puppet", import.meta.url).pathname;
const SOURCE = "Network|internet";
const NETWORK = { object_type: "Network", name: "internet" };
const hostname = (name: string): object => ({ object_type: "Hostname", network: SOURCE, name });

describe("on the embedded database", { timeout: 180_000 }, () => {
  common(() => Promise.resolve(null));
});

describe("on a server", { timeout: 300_000, skip: noPostgres ?? false }, () => {
  let server: PostgresServer;
  before(async () => {
    server = await startPostgres();
  });
  common(() => server.createDatabase());
  several(() => server.createDatabase());
  after(() => server[Symbol.asyncDispose]());
});

const SETTLED: ReadonlySet<string> = new Set(["delivered", "delivery failed"]);

/** One OpenKAT and one home for a suite; supervisors are ended and faults cleared after each test. */
function world(database: () => Promise<string | null>) {
  const running: SupervisorProcess[] = [];
  const here = {
    home: "",
    databaseUrl: null as string | null,
    mock: null as unknown as MockOpenKat,
    async start(env: SupervisorProcessOptions["env"] = {}): Promise<SupervisorProcess> {
      const { mock, home, databaseUrl } = here;
      const supervisor = await startSupervisor({ mock, home, databaseUrl, env });
      running.push(supervisor);
      return supervisor;
    },
    add(todo: unknown, more: Partial<Parameters<MockOpenKat["addWork"]>[0]> = {}): string {
      const content = Buffer.from(JSON.stringify(todo));
      return here.mock.addWork({ normalizer: "puppet", content, inputOoi: SOURCE, ...more });
    },
    status: (id: string): string | undefined => here.mock.tasks.get(id)?.status,
    final(...ids: readonly string[]): Promise<void> {
      const isFinal = (id: string): boolean => ["completed", "failed"].includes(here.status(id) ?? "");
      return eventually("all tasks are final", () => ids.every(isFinal), 60_000);
    },
    writes: (id: string): readonly string[] =>
      here.mock.received.filter(({ taskId }) => taskId === id).map(({ kind }) => kind),
    observed(id: string): readonly unknown[] {
      const write = here.mock.received.findLast(
        ({ taskId, kind }) => taskId === id && kind === "observation",
      );
      const body = write?.body as
        | { readonly result: readonly { readonly primary_key: string }[] }
        | undefined;
      return (body?.result ?? []).map(({ primary_key }) => primary_key);
    },
  };
  before(async () => {
    here.home = mkdtempSync(join(tmpdir(), "whiskers-supervise-"));
    here.databaseUrl = await database();
    here.mock = await startMockOpenKat({ check: checkObject, slowMs: 20 });
    here.mock.graphs.get("org")?.declare(SOURCE, { ...NETWORK, primary_key: SOURCE });
  });
  afterEach(async () => {
    here.mock.clearFaults();
    await Promise.all(running.splice(0).map((one) => one.kill()));
  });
  after(async () => {
    await here.mock.close();
    rmSync(here.home, { recursive: true });
  });
  return here;
}

function common(database: () => Promise<string | null>): void {
  const here = world(database);

  test("§10.7 §10.19 §10.21 every kind of record arrives; Bytes has the metadata, Mula the end", async () => {
    const supervisor = await here.start({ BOEFJES_SCAN_PROFILE_WHITELIST: '{"puppet": 2}' });
    const end = "2030-01-01T00:00:00Z";
    const id = here.add({
      yield: [
        NETWORK,
        hostname("a.example"),
        { record_type: "declaration", object: hostname("d.example"), end_valid_time: end },
        { record_type: "affirmation", object: hostname("a.example") },
        { record_type: "scan_profile", reference: SOURCE, level: 4 },
        { record_type: "raw", mime_types: ["text/html"], content: "aGk=" },
      ],
    });
    await here.final(id);
    assert.equal(here.status(id), "completed", JSON.stringify(supervisor.log));
    assert.deepEqual(here.writes(id), ["observation", "declaration", "affirmation"]);
    // The scanned object itself is left out of what is observed about it.
    assert.deepEqual(here.observed(id), ["Hostname|internet|a.example"]);
    const declared = here.mock.received.find(({ taskId, kind }) => taskId === id && kind === "declaration");
    const body = declared?.body as { readonly end_valid_time?: string } | undefined;
    assert.equal(body?.end_valid_time, end);
    assert.equal(here.mock.graphs.get("org")?.scanProfiles.get(SOURCE)?.level, 2);
    const meta = here.mock.raws.normalizerMetas.get(id);
    assert.equal(meta?.normalizer.id, "puppet");
    assert.ok(meta !== undefined && Date.parse(meta.ended_at) >= Date.parse(meta.started_at));
    const derived = [...here.mock.raws.raws.values()].filter((raw) => raw.mimeTypes.includes("text/html"));
    assert.equal(derived.length, 1);
    assert.equal(Buffer.from(derived[0]?.content as Uint8Array).toString(), "hi");
    assert.doesNotMatch(JSON.stringify(supervisor.log), /\.example/u);
  });

  test("§10.10 §10.13 nothing found says so; failures say nothing; each with its reason", async () => {
    const supervisor = await here.start({ WHISKERS_ERROR_RAWS: "true" });
    const empty = here.add({});
    const raised = here.add({ yield: [hostname("no.example")], raise: "out of cheese" });
    const crashed = here.add({ crash: true });
    const invalid = here.add({ yield: [{ object_type: "Hostname", name: 7 }] });
    const nowhere = here.add({ yield: [NETWORK] }, { inputOoi: null });
    const unknownSource = here.add({ yield: [hostname("x.example")] }, { inputOoi: "Network|gone" });
    const noSuchOrganisation = here.add({}, { organisation: "nobody" });
    const all = [empty, raised, crashed, invalid, nowhere, unknownSource, noSuchOrganisation];
    await here.final(...all);
    assert.deepEqual(all.map(here.status), ["completed", ...Array.from({ length: 6 }, () => "failed")]);
    assert.deepEqual(here.writes(empty), ["observation"]);
    assert.deepEqual(here.observed(empty), []);
    for (const id of all.slice(1)) assert.deepEqual(here.writes(id), []);
    // What failed does not count as normalized.
    assert.deepEqual(
      all.filter((id) => here.mock.raws.normalizerMetas.has(id)),
      [empty],
    );
    await eventually(
      "all is said",
      () => supervisor.log.filter(({ code }) => code !== undefined).length >= 6,
    );
    const codes = new Map(
      supervisor.log.flatMap(({ task, code }) => (code === undefined ? [] : [[String(task), code]])),
    );
    assert.deepEqual(
      all.map((id) => codes.get(id)),
      [
        undefined,
        "normalizer-raised",
        "normalizer-crashed",
        "invalid-output",
        "invalid-output",
        "upstream-refused",
        "upstream-refused",
      ],
    );
    const errors = [...here.mock.raws.raws.values()]
      .filter(({ mimeTypes }) => mimeTypes.includes("error/normalizer"))
      .map(
        ({ content }) =>
          JSON.parse(Buffer.from(content as Uint8Array).toString()) as { task: string; code: string },
      );
    assert.deepEqual(
      new Map(errors.map(({ task, code }) => [task, code])),
      new Map(all.slice(1).map((id) => [id, codes.get(id)])),
    );
  });

  test("§10.3 §10.4 §10.18 services that fail are asked again, and what arrived counts once", async () => {
    const { mock } = here;
    const supervisor = await here.start();
    const kinds = ["error", "reset", "truncate", "unauthorized"] as const;
    mock.addFault("mula", { match: "POST .*/pop", kind: "error", times: 2 });
    mock.addFault("mula", { match: "PATCH", kind: "error", times: 2 });
    mock.addFault("mula", { match: "PATCH", kind: "reset", when: "after", times: 2 });
    for (const kind of kinds) {
      mock.addFault("bytes", { match: "GET /bytes/raw/", kind, times: 1 });
      // Who is not let in has done nothing.
      const when = kind === "unauthorized" ? "before" : "after";
      mock.addFault("bytes", { match: "POST /bytes/raw", kind, when, times: 1 });
      mock.addFault("bytes", { match: "normalizer_meta", kind, times: 1 });
    }
    for (const kind of ["error", "reset"] as const) {
      for (const when of ["before", "after"] as const) {
        mock.addFault("octopoes", { match: "POST .*observations", kind, when, times: 2 });
      }
    }
    const raw = { record_type: "raw", mime_types: ["text/css"], content: "" };
    const ids = Array.from({ length: 12 }, (_, n) => here.add({ yield: [hostname(`r${n}.example`), raw] }));
    await here.final(...ids);
    await sleep(500);
    const troubles = supervisor.log.filter(({ level }) => level === "error");
    assert.deepEqual(troubles, []);
    assert.deepEqual(
      ids.map(here.status),
      ids.map(() => "completed"),
    );
    for (const [n, id] of ids.entries()) {
      assert.deepEqual(here.observed(id), [`Hostname|internet|r${n}.example`]);
      assert.ok(mock.raws.normalizerMetas.has(id));
    }
    const derived = [...mock.raws.raws.values()].filter(({ mimeTypes }) => mimeTypes.includes("text/css"));
    assert.equal(derived.length, ids.length);
    for (const service of ["mula", "bytes", "octopoes"] as const) {
      for (const { fault, hits } of mock.faultHits(service)) {
        assert.equal(hits, fault.times, `${service} ${JSON.stringify(fault)}`);
      }
    }
  });

  test("§1.6 a status that somebody else sets meanwhile stays", async () => {
    const supervisor = await here.start();
    const ids: string[] = [];
    // One that is set to queued is given out again, and told again that it is over.
    for (const status of ["cancelled", "failed", "completed", "queued"] as const) {
      const id = here.add({ sleep: 1 });
      await eventually("it runs", () => here.status(id) === "running");
      here.mock.tasks.patch(here.mock.tasks.get(id) ?? assert.fail(), { status });
      ids.push(id);
    }
    const raised = here.add({ sleep: 1, raise: "too late" });
    await eventually("it runs", () => here.status(raised) === "running");
    here.mock.tasks.patch(here.mock.tasks.get(raised) ?? assert.fail(), { status: "cancelled" });
    await eventually(
      "all are over",
      () =>
        supervisor.log.filter(({ msg }) => msg === "delivered").length >= 5 &&
        here.status(ids[3] ?? "") === "completed",
    );
    assert.deepEqual([...ids, raised].map(here.status), [
      "cancelled",
      "failed",
      "completed",
      "completed",
      "cancelled",
    ]);
    assert.deepEqual(here.writes(ids[0] ?? ""), ["observation"]);
    const said = supervisor.log.filter(({ msg }) => msg.startsWith("somebody else has set"));
    assert.ok(ids.slice(0, 2).every((id) => said.some(({ task }) => task === id)));
  });

  test("derived raw files: too many, too large or too deep is the normalizer's failure, with the setting", async () => {
    const supervisor = await here.start({
      WHISKERS_DERIVED_MAX_FILES: "2",
      WHISKERS_DERIVED_MAX_SIZE: "10",
      WHISKERS_DERIVED_MAX_DEPTH: "1",
    });
    const raw = (type: string, text = ""): object => ({
      record_type: "raw",
      mime_types: [type],
      content: Buffer.from(text).toString("base64"),
    });
    const fine = here.add({ yield: [raw("derived/a", "12345"), raw("derived/a", "12345")] });
    const many = here.add({ yield: [raw("derived/b"), raw("derived/c"), raw("derived/d")] });
    const large = here.add({ yield: [raw("derived/b", "12345678901")] });
    const long = here.add({ yield: [raw(`derived/${"x".repeat(60)}`)] });
    const ours = here.add({ yield: [raw("whiskers/derived-0-0")] });
    await here.final(fine, many, large, long, ours);
    const derived = [...here.mock.raws.raws.values()].filter(({ mimeTypes }) =>
      mimeTypes.some((type) => type.startsWith("derived/")),
    );
    assert.equal(derived.length, 2);
    // What one of them is made into is one deeper.
    const mimeTypes = derived[0]?.mimeTypes ?? [];
    const deep = here.add({ yield: [raw("derived/e")] }, { mimeTypes });
    await here.final(deep);
    assert.deepEqual([fine, many, large, long, ours, deep].map(here.status), [
      "completed",
      ...Array.from({ length: 5 }, () => "failed"),
    ]);
    const reasons = [many, large, long, ours, deep].map(
      (id) => supervisor.log.find(({ task, code }) => task === id && code === "invalid-output")?.["reason"],
    );
    assert.match(String(reasons[0]), /gave 3 raw files; 2 are allowed \(WHISKERS_DERIVED_MAX_FILES\)/u);
    assert.match(
      String(reasons[1]),
      /of 11 bytes together; 10 bytes are allowed \(WHISKERS_DERIVED_MAX_SIZE\)/u,
    );
    assert.match(String(reasons[2]), /longer than 64/u);
    assert.match(String(reasons[3]), /Whiskers' own/u);
    assert.match(String(reasons[4]), /already 1 deep; 1 deep is allowed \(WHISKERS_DERIVED_MAX_DEPTH\)/u);
  });

  test("failures of the services are counted by service, endpoint and kind", async () => {
    const supervisor = await here.start({ BOEFJES_OUTGOING_REQUEST_TIMEOUT: "2" });
    const { mock } = here;
    mock.addFault("mula", { match: "PATCH", kind: "error", times: 1 });
    mock.addFault("bytes", { match: "GET /bytes/raw/", kind: "unauthorized", times: 1 });
    mock.addFault("bytes", { match: "normalizer_meta", kind: "hang", times: 1 });
    mock.addFault("octopoes", { match: "observations", kind: "reset", times: 1 });
    const ids = [here.add({}), here.add({}, { organisation: "nobody" })];
    await here.final(...ids);
    // The scheduler is told before the end is settled, and counted, here.
    await eventually(
      "both are settled",
      () => supervisor.log.filter(({ msg }) => SETTLED.has(msg)).length === 2,
      60_000,
    );
    const metrics = await (await fetch(`${supervisor.operationsUrl()}/metrics`)).text();
    for (const labels of [
      'service="mula",endpoint="task",kind="5xx"',
      'service="bytes",endpoint="raw",kind="401"',
      'service="bytes",endpoint="normalizer_meta",kind="timeout"',
      'service="octopoes",endpoint="observations",kind="reset"',
      'service="octopoes",endpoint="observations",kind="4xx"',
    ]) {
      assert.ok(metrics.includes(`whiskers_upstream_errors_total{${labels}} 1\n`), `${labels}\n${metrics}`);
    }
    const task =
      'whiskers_tasks_total{normalizer="puppet",status="failed",code="upstream-refused",fault="upstream"} 1\n';
    assert.ok(metrics.includes(task), metrics);
  });

  test("§10.14 a raw that never ends and a large one hold up nobody; one too large fails with its reason", async () => {
    const supervisor = await here.start({ WHISKERS_RAW_TIMEOUT: "8s", WHISKERS_RAW_MAX_SIZE: "64M" });
    const endless = async function* (): AsyncGenerator<Uint8Array> {
      for (;;) {
        await sleep(50);
        yield Buffer.from("more");
      }
    };
    const flood = async function* (): AsyncGenerator<Uint8Array> {
      for (;;) yield await Promise.resolve(Buffer.alloc(1 << 20));
    };
    const stuck = [endless, flood, endless].map((content) => here.add({}, { content }));
    const large = here.add({}, { content: Buffer.concat([Buffer.from("{}"), Buffer.alloc(40 << 20, " ")]) });
    const quick = Array.from({ length: 20 }, () => here.add({}));
    await here.final(...quick);
    assert.equal(here.status(stuck[0] ?? ""), "dispatched");
    await here.final(large, ...stuck);
    assert.equal(here.status(large), "completed");
    const reasons = stuck.map(
      (id) => supervisor.log.find(({ task, code }) => task === id && code)?.["reason"],
    );
    assert.match(String(reasons[0]), /was not there after 8 s/u);
    assert.match(String(reasons[1]), /is longer than 67108864 bytes/u);
  });

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

  test("§1.6 §10.1 a drain hands back what was not begun, ends what was, and leaves nothing", async () => {
    const foldersBefore = readdirSync(join(here.home, "raws"));
    const supervisor = await here.start();
    const ids = Array.from({ length: 12 }, () => here.add({ sleep: 1 }));
    await eventually("two run", () => ids.filter((id) => here.status(id) === "running").length === 2);
    supervisor.signal("SIGTERM");
    assert.equal(await supervisor.ended, 0);
    const states = ids.map((id) => here.status(id));
    assert.ok(
      states.every((state) => state === "completed" || state === "queued"),
      states.join(),
    );
    assert.ok(states.filter((state) => state === "completed").length >= 2);
    // Those of earlier processes that were killed are removed when they are old enough.
    const left = readdirSync(join(here.home, "raws")).filter((name) => !foldersBefore.includes(name));
    assert.deepEqual(left, []);
    await here.start();
    await here.final(...ids);
    assert.deepEqual(
      ids.map(here.status),
      ids.map(() => "completed"),
    );
    for (const id of ids) assert.deepEqual(here.writes(id), ["observation"]);
  });

  test("a drain that takes longer than it may is cut short, and that is the exit code", async () => {
    const supervisor = await here.start({ WHISKERS_DRAIN: "300ms" });
    const id = here.add({ sleep: 3 });
    await eventually("it runs", () => here.status(id) === "running");
    supervisor.signal("SIGTERM");
    assert.equal(await supervisor.ended, 143);
    await here.start();
    await here.final(id);
    assert.equal(here.status(id), "completed");
  });

  test("what a second SIGTERM cuts short is run by the next, and not held against it", async () => {
    const supervisor = await here.start({ WHISKERS_ATTEMPTS: "1" });
    const id = here.add({ sleep: 2 });
    await eventually("it runs", () => here.status(id) === "running");
    supervisor.signal("SIGTERM");
    await eventually("it drains", () => supervisor.log.some(({ msg }) => msg.startsWith("draining")));
    supervisor.signal("SIGTERM");
    assert.equal(await supervisor.ended, 143);
    assert.equal(here.status(id), "queued");
    await here.start({ WHISKERS_ATTEMPTS: "1" });
    await here.final(id);
    assert.equal(here.status(id), "completed");
  });

  test("§10.11 killed in mid-run, and in mid-delivery: the next one does it, once", async () => {
    const first = await here.start();
    const running = here.add({ sleep: 1, yield: [hostname("k.example")] });
    await eventually("it runs", () => here.status(running) === "running");
    await first.kill();
    // A delivery of which the observation arrived, and the metadata cannot.
    here.mock.addFault("bytes", { match: "POST /bytes/normalizer_meta", kind: "hang" });
    const second = await here.start();
    await eventually("its observation arrived", () => here.writes(running).length === 1, 60_000);
    await second.kill();
    here.mock.clearFaults();
    await here.start();
    await here.final(running);
    assert.equal(here.status(running), "completed");
    assert.deepEqual(new Set(here.writes(running)), new Set(["observation"]));
    assert.deepEqual(here.observed(running), ["Hostname|internet|k.example"]);
  });

  test("§10.20 health, readiness, metrics; a scheduler that is away is a reason not to be ready", async () => {
    const supervisor = await here.start();
    await here.final(here.add({}));
    const url = supervisor.operationsUrl();
    assert.equal((await fetch(`${url}/ready`)).status, 200);
    const metrics = await (await fetch(`${url}/metrics`)).text();
    assert.match(metrics, /whiskers_runs_total\{normalizer="puppet",status="succeeded",code=""\} 1\n/u);
    here.mock.addFault("mula", { match: "pop", kind: "error" });
    await eventually("it is not ready", async () => (await fetch(`${url}/ready`)).status === 503);
  });
}

/** What needs more than one process, or a look into the database. */
function several(database: () => Promise<string | null>): void {
  const here = world(database);
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
