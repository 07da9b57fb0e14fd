/** `whiskers supervise` against an OpenKAT that is as strict as the real one, on both databases. */
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { eventually } from "../fixtures/eventually.ts";
import { noPostgres, type PostgresServer, startPostgres } from "../fixtures/postgres-server.ts";
import { hostname, NETWORK, SOURCE, superviseWorld } from "../fixtures/supervise-world.ts";

// Most of the time of each is waiting: both go on at once, the tests of each one after another.
describe("whiskers supervise", { concurrency: 2 }, () => {
  describe("on the embedded database", { timeout: 240_000, concurrency: 1 }, () => {
    common(() => Promise.resolve(null));
  });

  describe("on a server", { timeout: 240_000, concurrency: 1, skip: noPostgres ?? false }, () => {
    let server: PostgresServer;
    before(async () => {
      server = await startPostgres();
    });
    common(() => server.createDatabase());
    after(() => server[Symbol.asyncDispose]());
  });
});

const SETTLED: ReadonlySet<string> = new Set(["delivered", "delivery failed"]);

function common(database: () => Promise<string | null>): void {
  const here = superviseWorld(database);

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
      () => ids.every((id) => supervisor.log.some(({ msg, task }) => task === id && SETTLED.has(msg))),
      60_000,
    );
    const read = async (): Promise<string> => (await fetch(`${supervisor.operationsUrl()}/metrics`)).text();
    const counted = [
      'service="mula",endpoint="task",kind="5xx"',
      'service="bytes",endpoint="raw",kind="401"',
      'service="bytes",endpoint="normalizer_meta",kind="timeout"',
      'service="octopoes",endpoint="observations",kind="reset"',
      'service="octopoes",endpoint="observations",kind="4xx"',
    ].map((labels) => `whiskers_upstream_errors_total{${labels}} 1\n`);
    // What an earlier test's process had left to deliver may meet a fault instead, and then settles when it likes.
    let metrics = "";
    await eventually(
      "each is counted once",
      async () => {
        metrics = await read();
        return counted.every((line) => metrics.includes(line));
      },
      20_000,
    ).catch((error: unknown) => {
      throw new Error(`not counted: ${counted.filter((line) => !metrics.includes(line)).join("")}`, {
        cause: error,
      });
    });
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
