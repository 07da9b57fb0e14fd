/** `runs`, `retry`, `submit` and `backfill`, beside the supervisor whose work they show, on both databases. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";

import { checkObject } from "../../src/cli/check-object.ts";
import type { RunRecord } from "../../src/domain/run.ts";
import { type MockOpenKat, startMockOpenKat } from "../../src/mock-openkat/start-mock-openkat.ts";
import { COMPILE_CACHE } from "../fixtures/compile-cache.ts";
import { eventually } from "../fixtures/eventually.ts";
import { noPostgres, type PostgresServer, startPostgres } from "../fixtures/postgres-server.ts";
import { startSupervisor, type SupervisorProcess } from "../fixtures/supervisor-process.ts";

const MAIN = new URL("../../src/cli/main.ts", import.meta.url).pathname;
const PUPPET = new URL("../fixtures/normalizers/puppet", import.meta.url).pathname;
const SOURCE = "Network|internet";
const HOSTNAME = { object_type: "Hostname", network: SOURCE, name: "a.example" };

describe("on the embedded database", { timeout: 240_000 }, () => {
  suite(() => Promise.resolve(null));
});

describe("on a server", { timeout: 240_000, skip: noPostgres ?? false }, () => {
  let server: PostgresServer;
  before(async () => {
    server = await startPostgres();
  });
  suite(() => server.createDatabase());
  after(() => server[Symbol.asyncDispose]());
});

interface Answer {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

interface RunsDocument {
  readonly tasks: Readonly<Record<string, number>>;
  readonly runs: readonly Readonly<
    Record<"run" | "task" | "status" | "code" | "message" | "taskState", string>
  >[];
}

function suite(createDatabase: () => Promise<string | null>): void {
  let home = "";
  let databaseUrl: string | null = null;
  let mock: MockOpenKat;
  let supervisor: SupervisorProcess | null = null;

  before(async () => {
    home = mkdtempSync(join(tmpdir(), "whiskers-ledger-"));
    databaseUrl = await createDatabase();
    mock = await startMockOpenKat({ check: checkObject, slowMs: 20 });
    mock.graphs.get("org")?.declare(SOURCE, {
      object_type: "Network",
      name: "internet",
      primary_key: SOURCE,
    });
  });
  after(async () => {
    await supervisor?.kill();
    await mock.close();
    rmSync(home, { recursive: true });
  });

  const start = async (openKat: boolean): Promise<void> => {
    supervisor = await startSupervisor({ mock: openKat ? mock : null, home, databaseUrl });
  };
  const stop = async (): Promise<void> => {
    supervisor?.signal("SIGTERM");
    assert.equal(await supervisor?.ended, 0);
    supervisor = null;
  };
  const whiskers = async (...args: readonly string[]): Promise<Answer> => {
    const child = spawn(process.execPath, [MAIN, ...args], {
      stdio: ["ignore", "pipe", "pipe"],
      env: {
        PATH: process.env["PATH"] ?? "",
        HOME: home,
        NODE_COMPILE_CACHE: COMPILE_CACHE,
        WHISKERS_HOME: home,
        WHISKERS_NORMALIZERS: PUPPET,
        SCHEDULER_API: mock.urls.mula,
        BYTES_API: mock.urls.bytes,
        BYTES_USERNAME: "bytes",
        BYTES_PASSWORD: "bytes",
        OCTOPOES_API: mock.urls.octopoes,
        ...(databaseUrl === null ? {} : { DATABASE_URL: databaseUrl }),
      },
    });
    let out = "";
    let err = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => (out += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (err += text));
    const [code] = (await once(child, "close")) as [number];
    return { code, out, err };
  };
  const json = async <T>(...args: readonly string[]): Promise<T> => {
    const { code, out, err } = await whiskers(...args, "--json");
    assert.equal(code, 0, err + out);
    return JSON.parse(out) as T;
  };
  const add = (todo: unknown, more: Partial<Parameters<MockOpenKat["addWork"]>[0]> = {}): string =>
    mock.addWork({
      normalizer: "puppet",
      content: Buffer.from(JSON.stringify(todo)),
      inputOoi: SOURCE,
      mimeTypes: ["boefje/mock"],
      ...more,
    });
  const final = (ids: readonly string[]): Promise<void> =>
    eventually(
      "all tasks are final",
      () => ids.every((id) => ["completed", "failed"].includes(mock.tasks.get(id)?.status ?? "")),
      60_000,
    );

  /** By the supervisor's own figures: nothing waits, nothing runs, nothing is to be delivered. */
  const isIdle = async (): Promise<boolean> => {
    const answer = await fetch(`${(supervisor as SupervisorProcess).operationsUrl()}/metrics`);
    const values = [...(await answer.text()).matchAll(/^whiskers_queue_tasks\{[^}]*\} (?<count>\d+)$/gmu)];
    return values.length > 0 && values.every(({ groups }) => groups?.["count"] === "0");
  };

  test("nothing was run: that is said, and every wrong use is refused", async () => {
    const none = await whiskers("runs");
    assert.equal(none.code, 0, none.err);
    assert.match(none.out, /^No run\.\nTasks: 0 queued/u);
    for (const args of [
      ["runs", "hide", "abcd"],
      ["runs", "show"],
      ["runs", "show", "x; drop"],
      ["runs", "show", "abcdef"],
      ["runs", "--limit", "0"],
      ["retry"],
      ["retry", "abcd", "--failed"],
      ["retry", "abcd", "--normalizer", "puppet"],
      ["backfill"],
      ["backfill", "--normalizer", "nobody"],
      ["backfill", "--normalizer", "puppet", "--since", "yesterday"],
    ]) {
      const { code, out, err } = await whiskers(...args);
      assert.equal(code, 2, args.join(" "));
      assert.equal(out, "");
      assert.match(err, /\(usage\)/u);
    }
    assert.equal((await whiskers("retry", "--failed")).out, "No task has failed.\n");
  });

  test("what was run is listed and shown; what failed is queued again, with its history", async () => {
    await start(true);
    // The first of all has to open its sandbox: what is read below is more than none in each phase.
    const good = add({ yield: [HOSTNAME] });
    await final([good]);
    const bad = add({ raise: "out \u001b[31mof cheese" });
    const crashed = add({ crash: true });
    await final([bad, crashed]);
    await stop();

    const { tasks, runs } = await json<RunsDocument>("runs");
    assert.equal(runs.length, 3);
    assert.deepEqual([tasks["succeeded"], tasks["failed"]], [1, 2]);
    const of = (task: string): RunsDocument["runs"][number] | undefined =>
      runs.find((run) => run.task === task);
    assert.equal(of(good)?.status, "succeeded");
    assert.match(of(bad)?.message ?? "", /of cheese/u);
    assert.equal((await json<RunsDocument>("runs", "--failed")).runs.length, 2);
    assert.equal((await json<RunsDocument>("runs", "--normalizer", "other")).runs.length, 0);
    const newest = await json<RunsDocument>("runs", "--limit", "1");
    assert.deepEqual(newest.runs, runs.slice(0, 1));

    const list = await whiskers("runs", "--failed");
    assert.match(list.out, /puppet {2}normalizer-/u);
    assert.ok(!list.out.includes("\u001b"), list.out);

    const shown = await whiskers("runs", "show", bad.slice(0, 13));
    assert.equal(shown.code, 0, shown.err);
    for (const expected of [
      `Task ${bad}: failed`,
      "out",
      "of cheese",
      "Package",
      "mula/failed",
      "normalizer",
    ])
      assert.ok(shown.out.includes(expected), `${expected}\n${shown.out}`);
    assert.ok(!shown.out.includes("\u001b"), shown.out);
    const byRun = await json<{
      readonly task: { readonly id: string };
      readonly delivery: {
        readonly state: string;
        readonly steps: readonly { readonly step: string; readonly worker: string }[];
      } & Readonly<Record<"takeUpMs" | "deliverMs" | "settleMs", number>>;
      readonly runs: readonly {
        readonly record: Pick<RunRecord, "packageDigest" | "timingsMs">;
        readonly storeMs: number;
      }[];
    }>("runs", "show", of(good)?.run ?? "");
    assert.equal(byRun.task.id, good);
    assert.equal(byRun.delivery.state, "delivered");
    const steps = byRun.delivery.steps.map(({ step }) => step);
    assert.deepEqual(steps, ["octopoes/observation", "bytes/normalizer-meta", "mula/completed"]);
    assert.ok(byRun.delivery.steps.every(({ worker }) => /^\S+\/\d+$/u.test(worker)));
    assert.match(byRun.runs[0]?.record.packageDigest ?? "", /^sha256:/u);
    const [only] = byRun.runs;
    const { takeUpMs, deliverMs, settleMs } = byRun.delivery;
    const { timingsMs } = only?.record ?? {};
    for (const phase of ["claim", "fetch", "wait", "open", "handOver", "run", "decode", "validate"] as const)
      assert.ok((timingsMs?.[phase] ?? 0) > 0, `${phase}: ${JSON.stringify(timingsMs)}`);
    for (const ms of [only?.storeMs, takeUpMs, deliverMs, settleMs])
      assert.ok(ms !== undefined && ms > 0, JSON.stringify(byRun));
    const delivered = await whiskers("runs", "show", good);
    assert.match(delivered.out, /Times {5}store .* ms, takeUp .* ms, deliver .* ms, settle .* ms$/mu);
    assert.match(delivered.out, /Times {5}claim .* run .* validate /u);
    assert.match(delivered.out, /was delivered, and is not kept/u);
    assert.doesNotMatch(delivered.out, /found nothing/u);

    const refused = await whiskers("retry", good, bad);
    assert.equal(refused.code, 2);
    assert.match(refused.out, new RegExp(`${good} {2}not queued: it succeeded`, "u"));
    assert.match(refused.out, new RegExp(`${bad} {2}queued again`, "u"));
    const twice = await whiskers("retry", bad);
    assert.equal(twice.code, 2);
    assert.match(twice.out, /it is queued already/u);
    assert.match(
      (await whiskers("retry", "--failed", "--normalizer", "puppet")).out,
      new RegExp(`^${crashed} {2}queued again\n$`, "u"),
    );

    await start(true);
    await eventually("they failed again", isIdle);
    await stop();
    const history = await json<{ readonly state: string; readonly runs: readonly object[] }>(
      "runs",
      "show",
      bad,
    );
    assert.equal(history.state, "failed");
    assert.equal(history.runs.length, 2);
    assert.equal(mock.tasks.get(bad)?.status, "failed");
  });

  test("§2.3 §10.9 a retry completes what had failed, and saves a derived raw file once", async () => {
    const type = `derived/${databaseUrl === null ? "embedded" : "server"}`;
    const raw = { record_type: "raw", mime_types: [type], content: "aGk=" };
    const id = add({ yield: [raw, raw, HOSTNAME] });
    const saved = (): number =>
      [...mock.raws.raws.values()].filter(({ mimeTypes }) => mimeTypes.includes(type)).length;
    // The metadata is refused after the raw files have arrived: the task fails, and a person corrects what it was.
    mock.addFault("bytes", { match: "POST /bytes/normalizer_meta", kind: "refuse" });
    await start(true);
    await final([id]);
    assert.equal(mock.tasks.get(id)?.status, "failed");
    assert.equal(saved(), 2);
    await eventually("it is settled", isIdle);
    await stop();
    mock.clearFaults();
    assert.equal((await whiskers("retry", id)).code, 0);
    await start(true);
    await eventually("it is over", isIdle);
    await stop();
    assert.equal(mock.tasks.get(id)?.status, "completed");
    assert.equal(saved(), 2);
    assert.ok(mock.raws.normalizerMetas.has(id));
  });

  test("submitted raw files survive until they are run, and what comes out stays", async () => {
    const file = join(home, "raw.json");
    writeFileSync(file, JSON.stringify({ yield: [HOSTNAME] }));
    const { tasks } = await json<{ readonly tasks: readonly { readonly task: string }[] }>(
      "submit",
      PUPPET,
      file,
    );
    const task = tasks[0]?.task ?? "";
    rmSync(file);
    assert.deepEqual(readdirSync(join(home, "submitted")), [task]);
    await start(false);
    await eventually("it was run", isIdle);
    await stop();
    const shown = await whiskers("runs", "show", task);
    assert.match(shown.out, /: succeeded\n/u);
    assert.match(shown.out, /a\.example/u);
    assert.deepEqual(
      mock.received.filter(({ taskId }) => taskId === task),
      [],
    );

    const missing = await whiskers("submit", PUPPET, join(home, "gone"));
    assert.equal(missing.code, 2);
    assert.match(missing.err, /input-unreadable/u);
  });

  test("§1.5 §10.25 backfill queues at the scheduler what Bytes holds, and a supervisor runs it", async () => {
    const ended = add({ yield: [HOSTNAME] }, { endedAt: "2020-05-01T00:00:00Z", organisation: "org" });
    const data = mock.tasks.get(ended)?.data as { readonly raw_data: { readonly id: string } } | undefined;
    const rawId = data?.raw_data.id;
    add({}, { mimeTypes: ["boefje/other"], endedAt: "2020-05-01T00:00:00Z" });
    await start(true);
    await final([ended]);
    interface Backfill {
      readonly raws: readonly Readonly<Record<"raw" | "task" | "result" | "endedAt", string>>[];
    }
    const args = ["backfill", "--normalizer", "puppet"];
    const dry = await json<Backfill>(...args, "--dry-run");
    assert.ok(dry.raws.length >= 4, JSON.stringify(dry));
    assert.equal(dry.raws.at(-1)?.raw, rawId);
    assert.equal((await json<Backfill>(...args, "--dry-run", "--limit", "1")).raws.length, 1);
    assert.equal((await json<Backfill>(...args, "--dry-run", "--since", "2999-01-01")).raws.length, 0);
    assert.equal((await json<Backfill>(...args, "--dry-run", "--organisation", "x")).raws.length, 0);
    const done = await json<Backfill>(...args);
    assert.ok(
      done.raws.every(({ result }) => result === "queued"),
      JSON.stringify(done),
    );
    await final(done.raws.map(({ task }) => task));
    const again = done.raws.find(({ raw }) => raw === rawId)?.task ?? "";
    assert.equal(mock.tasks.get(again)?.status, "completed");
    assert.equal(mock.received.filter(({ taskId }) => taskId === again).length, 1);

    // Beside a supervisor: with a server everything works, the embedded database has one user.
    const beside = await whiskers("runs");
    if (databaseUrl === null) {
      assert.equal(beside.code, 2);
      assert.match(beside.err, /state-locked/u);
      assert.match(beside.err, /DATABASE_URL/u);
    } else assert.equal(beside.code, 0, beside.err);
    await stop();
  });
}
