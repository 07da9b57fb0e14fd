/** The queue and the supervisor's core on real databases: the embedded one, and a PostgreSQL server. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { pathToFileURL } from "node:url";

import type { Database } from "../../src/db/database.ts";
import { migrate } from "../../src/db/migrate.ts";
import { openDatabase } from "../../src/db/open-database.ts";
import { persistent } from "../../src/db/persistent.ts";
import type { Run } from "../../src/domain/run.ts";
import type { Task } from "../../src/domain/task.ts";
import { WhiskersError } from "../../src/errors.ts";
import { openLocalQueue } from "../../src/intake/local-queue.ts";
import type { Claim, LocalQueue } from "../../src/intake/local-queue.ts";
import type { SupervisorEvent } from "../../src/supervisor/events.ts";
import { runRow } from "../../src/supervisor/run-row.ts";
import { supervise } from "../../src/supervisor/supervise.ts";
import type { SuperviseOptions } from "../../src/supervisor/supervise.ts";
import { emptyRun } from "../fixtures/empty-run.ts";
import { noPostgres, startPostgres } from "../fixtures/postgres-server.ts";
import type { PostgresServer } from "../fixtures/postgres-server.ts";

const never = new AbortController().signal;
const TIMES = { starts: 1, startedAt: new Date(), endedAt: new Date(), overMs: performance.now() };
/** The numbers of all that there are. */
const MIGRATIONS = readdirSync(new URL("../../src/db/migrations", import.meta.url)).map(
  (_name, index) => index + 1,
);

describe("embedded", { timeout: 120_000 }, () => {
  const home = mkdtempSync(join(tmpdir(), "whiskers-queue-"));
  suite(() => Promise.resolve({ url: null, home }));
  // After the suite's own: hooks run in the order in which they are registered.
  after(() => {
    rmSync(home, { recursive: true });
  });
});

describe("server", { timeout: 120_000, skip: noPostgres ?? false }, () => {
  const home = mkdtempSync(join(tmpdir(), "whiskers-queue-"));
  let server: PostgresServer;
  before(async () => {
    server = await startPostgres();
  });
  let url: string | undefined;
  suite(async () => ({ url: (url ??= await server.createDatabase()), home }));
  after(async () => {
    await server[Symbol.asyncDispose]();
    rmSync(home, { recursive: true });
  });

  test("many starters at once: each migration is applied once", async () => {
    const fresh = await server.createDatabase();
    const opened = await Promise.all(
      Array.from({ length: 6 }, async () => {
        const database = await openDatabase({ url: fresh, home });
        return { database, queue: await openLocalQueue(database, { onError: fail }) };
      }),
    );
    const [first] = opened;
    assert.ok(first !== undefined);
    const rows = await first.database.query<{ number: number }>("select number from whiskers.migration");
    assert.deepEqual(
      rows.map(({ number }) => number),
      MIGRATIONS,
    );
    for (const { database, queue } of opened) {
      await queue.close();
      await database.close();
    }
  });

  test("every column that refers to another table has an index, so that forgetting costs the same with a million tasks", async () => {
    const database = await openDatabase({ url: await server.createDatabase(), home });
    await migrate(database);
    const without = await database.query<{ referring: string }>(
      `select conrelid::regclass || ' (' || attname || ')' as referring
       from pg_constraint join pg_attribute on attrelid = conrelid and attnum = conkey[1]
       where contype = 'f' and connamespace = 'whiskers'::regnamespace
         and not exists (select from pg_index where indrelid = conrelid and indkey[0] = conkey[1] and indpred is null)`,
    );
    assert.deepEqual(without, []);
    const [{ count } = { count: 0 }] = await database.query<{ count: number }>(
      "select count(*)::int from pg_constraint where contype = 'f' and connamespace = 'whiskers'::regnamespace",
    );
    assert.ok(count > 5, `${count} references`);
    await database.close();
  });

  test("a worker that stands still loses its claim to another, and its late result is refused", async () => {
    const fresh = await server.createDatabase();
    const [task] = tasks(1);
    assert.ok(task !== undefined);
    await fill({ url: fresh, home }, [task]);
    const slow = worker(home, fresh, 1, 500);
    const said: string[] = [];
    const database = await openDatabase({ url: fresh, home });
    const queue = await openLocalQueue(database, { onError: fail, claimSeconds: 10 });
    for await (const line of slow.lines) {
      said.push(line);
      if (!line.startsWith("started ")) continue;
      slow.signal("SIGSTOP");
      await abandonAll(database);
      const claim = await takeOne(queue);
      assert.equal(claim.taskId, task.id);
      assert.equal((await queue.settle([settlement(claim, task)])).length, 1);
      slow.signal("SIGCONT");
    }
    assert.deepEqual(said, [`started ${task.id}`, `refused ${task.id}`]);
    assert.deepEqual(await database.query("select count(*)::int as runs from whiskers.run"), [{ runs: 1 }]);
    await queue.close();
    await database.close();
  });

  test("two processes share the work; nothing is done twice", async () => {
    const fresh = await server.createDatabase();
    await fill({ url: fresh, home }, tasks(300));
    const workers = [worker(home, fresh, 4, 1), worker(home, fresh, 4, 1)];
    const outputs = await Promise.all(workers.map(({ output }) => output));
    const finished = outputs.map((output) => output.filter((line) => line.startsWith("finished ")));
    assert.equal(new Set(finished.flat()).size, 300);
    assert.equal(finished.flat().length, 300);
    for (const lines of finished) assert.ok(lines.length > 30, `one of them did only ${lines.length}`);
  });

  test("what the server says is passed on, without the password", async () => {
    await assert.rejects(
      openDatabase({ url: "postgresql://me:secret@127.0.0.1:1/nothing", home }),
      (error) =>
        error instanceof WhiskersError &&
        error.code === "database-unavailable" &&
        !error.message.includes("secret"),
    );
  });
});

test("embedded: a second process is told to use a server", { timeout: 60_000 }, async (t) => {
  const home = mkdtempSync(join(tmpdir(), "whiskers-queue-"));
  t.after(() => {
    rmSync(home, { recursive: true });
  });
  const database = await openDatabase({ url: null, home });
  const { output, exitCode } = worker(home, "embedded", 1, 0);
  await output;
  assert.notEqual(await exitCode, 0);
  await assert.rejects(
    openDatabase({ url: null, home }),
    (error) => error instanceof WhiskersError && error.code === "state-locked",
  );
  await database.close();
});

function suite(where: () => Promise<{ url: string | null; home: string }>): void {
  let database: Database;
  let queue: LocalQueue;
  const open = async (): Promise<void> => {
    database = await openDatabase(await where());
    queue = await openLocalQueue(database, { onError: fail, claimSeconds: 10 });
  };
  const close = async (): Promise<void> => {
    await queue.close();
    await database.close();
  };
  before(open);
  after(close);

  test("a newer schema is refused, a failed migration leaves nothing, and the same again does nothing", async () => {
    assert.deepEqual(await migrate(database), []);
    const folder = mkdtempSync(join(tmpdir(), "whiskers-migrations-"));
    const migrations = pathToFileURL(`${folder}/`);
    mkdirSync(folder, { recursive: true });
    const fileOf = (number: number, name: string): string =>
      join(folder, `${String(number).padStart(4, "0")}-${name}.sql`);
    for (const number of MIGRATIONS) writeFileSync(fileOf(number, "known"), "select 1");
    const next = MIGRATIONS.length + 1;
    const half = fileOf(next, "half");
    writeFileSync(half, "create table whiskers.half (); select nonsense");
    await assert.rejects(migrate(database, migrations), /nonsense/u);
    assert.deepEqual(await database.query("select to_regclass('whiskers.half') as half"), [{ half: null }]);
    writeFileSync(half, "create table whiskers.half ()");
    assert.deepEqual(await migrate(database, migrations), [next]);
    await assert.rejects(
      migrate(database),
      (error) => error instanceof WhiskersError && error.code === "database-newer",
    );
    await database.script(`drop table whiskers.half; delete from whiskers.migration where number = ${next}`);
    rmSync(folder, { recursive: true });
  });

  test("a task that comes twice is one task, also after it is done", async () => {
    const some = tasks(3);
    assert.equal(await queue.enqueue(some), 3);
    assert.equal(await queue.enqueue([...some, ...tasks(1)]), 1);
    const claims = await queue.take(10);
    assert.equal(claims.length, 4);
    for (const { id } of some) assert.ok(claims.some(({ taskId }) => taskId === id));
    assert.deepEqual(await queue.take(10), []);
    const started = await queue.start(claims);
    assert.deepEqual(
      [...started.values()].map(({ starts }) => starts),
      [1, 1, 1, 1],
    );
    const settled = await queue.settle([...started].map(([claim, { task }]) => settlement(claim, task)));
    assert.equal(settled.length, 4);
    assert.equal(await queue.enqueue(some), 0);
    assert.deepEqual(await queue.take(10), []);
  });

  test("JSON of any kind is kept as it is", async () => {
    const [task] = tasks(1);
    assert.ok(task !== undefined);
    await queue.enqueue([task]);
    const claim = await takeOne(queue);
    const run = emptyRun(task);
    const nasty = {
      object_type: "Hostname",
      primary_key: '\u0000\ud800"\\,{}NULL\n',
      n: 1e300,
    };
    const row = runRow(task, run.outcome, { ...run, records: { ...run.records, objects: [nasty] } }, TIMES);
    await queue.settle([{ claim, run: row, retryAfterSeconds: null }]);
    const [kept] = await database.query<{ document: string }>(
      "select document::text from whiskers.output where run_id = $1",
      [row.id],
    );
    assert.equal(kept?.document, row.output);
  });

  test("what is given back is taken again at once", async () => {
    const some = tasks(2);
    await queue.enqueue(some);
    await queue.release(await queue.take(2));
    const again = await queue.take(2);
    assert.equal(again.length, 2);
    await queue.settle(again.map((claim) => settlement(claim, { id: claim.taskId, package: "p", raw: "r" })));
  });

  test("a task that comes back to the process that lost it without noticing is not settled, given back or put off by its earlier claim", async () => {
    const [task] = tasks(1);
    assert.ok(task !== undefined);
    await queue.enqueue([task]);
    const earlier = await takeOne(queue);
    await queue.start([earlier]);
    // As the job library does with what was not renewed.
    await database.query("update pgboss.job set state = 'retry', start_after = now() where id = $1", [
      task.id,
    ]);
    const claim = await takeOne(queue);
    assert.ok(earlier.lost.aborted, "the earlier run ends");
    assert.ok(!claim.lost.aborted && queue.holds(claim) && !queue.holds(earlier));
    await queue.release([earlier], "begun");
    await queue.defer(earlier, 60);
    assert.equal((await queue.start([earlier])).size, 0);
    assert.deepEqual(await queue.settle([settlement(earlier, task)]), []);
    assert.equal((await queue.start([claim])).get(claim)?.starts, 2);
    assert.equal((await queue.settle([settlement(claim, task)])).length, 1);
    assert.deepEqual(await queue.take(1), []);
  });

  test("a task whose start was answered to nobody was begun once", async () => {
    const lossy = await openLocalQueue(persistent(losingOneAnswer(database, "set starts"), INSISTING), {
      onError: fail,
    });
    try {
      const [task] = tasks(1);
      assert.ok(task !== undefined);
      await lossy.enqueue([task]);
      const claim = await takeOne(lossy);
      assert.equal((await lossy.read([claim])).get(claim)?.starts, 0);
      assert.equal((await lossy.start([claim])).get(claim)?.starts, 1);
      await lossy.release([claim]);
      const again = await takeOne(lossy);
      await lossy.read([again]);
      assert.equal((await lossy.start([again])).get(again)?.starts, 2);
      await lossy.settle([settlement(again, task)]);
    } finally {
      await lossy.close();
    }
  });

  test("one that fails stops no other; what may succeed later is tried again; what throws is an outcome", async () => {
    const some = tasks(20);
    await queue.enqueue(some);
    const tried = new Map<string, number>();
    const events = await work(queue, {
      slots: 3,
      maxStarts: 2,
      run: async (task) => {
        tried.set(task.id, (tried.get(task.id) ?? 0) + 1);
        if (task === undefined || task.id === some[0]?.id) throw new Error("broken");
        if (task.id === some[1]?.id) return failed(task, "time-limit");
        return Promise.resolve(emptyRun(task));
      },
    });
    const codes = events.flatMap((event) =>
      event.type === "finished" && event.outcome.status === "failed" ? [event.outcome.code] : [],
    );
    assert.deepEqual(codes.toSorted(), ["internal", "internal", "time-limit"]);
    assert.equal(tried.get(some[0]?.id ?? ""), 2);
    assert.equal(tried.get(some[1]?.id ?? ""), 1);
    assert.equal((await queue.counts()).queued, 0);
  });

  test("a database that fails ends the work with its error; the tasks stay for the next", async () => {
    await queue.enqueue(tasks(5));
    const broken = replacing(queue, { settle: () => Promise.reject(new Error("disk full")) });
    const run = (task: Task): Promise<Run> => Promise.resolve(emptyRun(task));
    await assert.rejects(work(broken, { slots: 3, run }), /disk full/u);
    await close();
    await open();
    if (database.kind === "server") await abandonAll(database);
    const events = await work(queue, { slots: 3, run });
    assert.equal(events.filter(({ type }) => type === "finished").length, 5);
  });

  test("a drain finishes what runs and gives the rest back; a stop gives that back too", async () => {
    await queue.enqueue(tasks(30));
    const drain = new AbortController();
    let running = 0;
    const events = await work(queue, {
      slots: 2,
      drain: drain.signal,
      run: async (task) => {
        running += 1;
        if (running === 3) drain.abort();
        return Promise.resolve(emptyRun(task));
      },
    });
    const done = events.filter(({ type }) => type === "finished").length;
    assert.ok(done >= 2 && done <= 5, `${done} were finished`);
    const stop = new AbortController();
    await work(queue, {
      slots: 2,
      stop: stop.signal,
      run: async (task, signal) => {
        stop.abort();
        await sleep(10_000, undefined, { signal }).catch(() => {});
        return failed(task, "cancelled");
      },
    });
    const rest = await work(queue, { slots: 4, run: (task) => Promise.resolve(emptyRun(task)) });
    assert.equal(rest.filter(({ type }) => type === "finished").length, 30 - done);
  });

  test("a process that is killed in mid-run loses nothing: the next one does all that is left", async () => {
    const some = tasks(40);
    await queue.enqueue(some);
    await close();
    const { url, home } = await where();
    const killed = worker(home, url ?? "embedded", 2, 20);
    let finished = 0;
    for await (const line of killed.lines) {
      if (line.startsWith("finished ")) finished += 1;
      if (finished === 5) killed.signal("SIGKILL");
    }
    assert.ok(finished < 40, "it was killed too late to show anything");
    if (url !== null) {
      const other = await openDatabase({ url, home });
      await abandonAll(other);
      await other.close();
    }
    const next = worker(home, url ?? "embedded", 2, 1);
    await next.output;
    assert.equal(await next.exitCode, 0);
    await open();
    const done = await database.query<{ id: string }>(
      "select task_id as id from whiskers.run where task_id = any ($1::uuid[])",
      [some.map(({ id }) => id)],
    );
    assert.deepEqual(done.map(({ id }) => id).toSorted(), some.map(({ id }) => id).toSorted());
  });

  test("a task that ends its workers is given up after so many, with the reason", async () => {
    const [poison] = tasks(1);
    assert.ok(poison !== undefined);
    await queue.enqueue([{ ...poison, raw: "poison" }, ...tasks(3)]);
    for (let starts = 0; starts < 2; starts += 1) {
      const first = await takeOne(queue);
      const claims = [first, ...(await queue.take(10))];
      const claim = claims.find(({ taskId }) => taskId === poison.id);
      assert.ok(claim !== undefined);
      await queue.start([claim]);
      await close();
      await open();
      if (database.kind === "server") await abandonAll(database);
    }
    const events = await work(queue, {
      slots: 1,
      maxStarts: 2,
      run: (task) => Promise.resolve(emptyRun(task)),
    });
    const ends = events.filter((event) => event.type === "finished");
    assert.equal(ends.length, 4);
    const failures = ends.filter(({ outcome }) => outcome.status === "failed");
    assert.deepEqual(
      failures.map(({ task, outcome }) => [task.id, outcome.status === "failed" && outcome.code]),
      [[poison.id, "worker-lost"]],
    );
  });
}

/** The queue, but for some of its methods. */
function replacing(queue: LocalQueue, methods: Partial<LocalQueue>): LocalQueue {
  return new Proxy(queue, {
    get(target, key: keyof LocalQueue) {
      return methods[key] ?? target[key].bind(target);
    },
  });
}

/** Makes every claim look as after the ten seconds that it lives without a heartbeat. */
async function abandonAll(database: Database): Promise<void> {
  await database.query(
    "update pgboss.job set heartbeat_on = now() - interval '1 minute' where state = 'active'",
  );
}

const INSISTING = { giveUpMs: 10_000, onTrouble: () => {}, stop: never };

/** As when the server is restarted between doing it and saying so: the first statement that has this in it. */
function losingOneAnswer(database: Database, part: string): Database {
  let lost = false;
  return {
    kind: database.kind,
    version: database.version,
    script: (statements) => database.script(statements),
    transaction: (inside) => database.transaction(inside),
    close: () => database.close(),
    async query(statement, values) {
      const rows = await database.query<never>(statement, values);
      if (lost || !statement.includes(part)) return rows;
      lost = true;
      throw Object.assign(new Error("terminating connection"), { code: "57P01" });
    },
  };
}

async function takeOne(queue: LocalQueue): Promise<Claim> {
  for (const deadlineMs = performance.now() + 30_000; performance.now() < deadlineMs; await sleep(100)) {
    const [claim] = await queue.take(1);
    if (claim !== undefined) return claim;
  }
  throw new Error("nothing came");
}

async function work(
  queue: LocalQueue,
  options: Partial<SuperviseOptions> & Pick<SuperviseOptions, "slots" | "run">,
): Promise<readonly SupervisorEvent[]> {
  const events: SupervisorEvent[] = [];
  await supervise({
    queue,
    whenEmpty: "return",
    pollMs: 20,
    maxStarts: 3,
    onEvent: (event) => events.push(event),
    drain: never,
    stop: never,
    ...options,
  });
  return events;
}

async function fill(where: { url: string; home: string }, some: readonly Task[]): Promise<void> {
  const database = await openDatabase(where);
  const queue = await openLocalQueue(database, { onError: fail, claimSeconds: 10 });
  await queue.enqueue(some);
  await queue.close();
  await database.close();
}

function worker(home: string, url: string, slots: number, runMs: number) {
  const script = new URL("../fixtures/queue-worker.ts", import.meta.url).pathname;
  const child = spawn(process.execPath, [script, home, url, String(slots), String(runMs)], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  const exitCode = once(child, "exit").then(([code]) => code as number | null);
  const lines = readLines(child.stdout);
  return {
    lines,
    exitCode,
    signal: (name: NodeJS.Signals) => child.kill(name),
    /** Of a worker whose `lines` nobody else reads. */
    get output(): Promise<readonly string[]> {
      return collect(lines);
    },
  };
}

async function* readLines(stream: AsyncIterable<Buffer>): AsyncGenerator<string> {
  let rest = "";
  for await (const chunk of stream) {
    const parts = (rest + chunk.toString()).split("\n");
    rest = parts.pop() ?? "";
    yield* parts;
  }
}

async function collect(lines: AsyncIterable<string>): Promise<readonly string[]> {
  const all: string[] = [];
  for await (const line of lines) all.push(line);
  return all;
}

function tasks(count: number): readonly Task[] {
  return Array.from({ length: count }, (_, index) => ({
    id: randomUUID(),
    package: `package-${index % 3}`,
    raw: `raw-${index}`,
  }));
}

function settlement(claim: Claim, task: Task): Parameters<LocalQueue["settle"]>[0][number] {
  return {
    claim,
    run: runRow(task, { status: "succeeded" }, emptyRun(task), TIMES),
    retryAfterSeconds: null,
  };
}

function failed(task: Task, code: "time-limit" | "cancelled"): Run {
  return { ...emptyRun(task), outcome: { status: "failed", code, message: code } };
}

function fail(error: Error): void {
  throw error;
}
