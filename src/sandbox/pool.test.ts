import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { test } from "node:test";

import { DEFAULT_LIMITS } from "../domain/limits.ts";
import type { LeaseRequest } from "./pool.ts";
import { openRig, pythonGuest } from "./testing/rig.ts";
import type { Rig } from "./testing/rig.ts";

const NEVER = new AbortController().signal;

/** Answers with its process id and how many runs it has seen; `tag` makes packages that differ. */
const counting = (tag = ""): ReturnType<typeof pythonGuest> =>
  pythonGuest(`
# ${tag}
ready(); runs = 0
while True:
    run, raw = take(); runs += 1
    if raw == b"fail": write(frame(FAILED, run, {"type": "E", "message": "m"}) + frame(READY, 0, b"{}")); continue
    if raw == b"die": os._exit(1)
    if raw == b"sulk": send(DONE, run, {}); time.sleep(9)
    if raw == b"die idle": signal.signal(signal.SIGUSR1, lambda *_: os._exit(0))
    if raw == b"shout idle": signal.signal(signal.SIGUSR1, lambda *_: send(RECORDS, run, b"1"))
    if raw == b"log": os.write(2, b"from run %d\\n" % runs)
    write(frame(RECORDS, run, b"%d %d\\n" % (os.getpid(), runs)) + frame(DONE, run, {}) + frame(READY, 0, b"{}"))
`);

async function runOn(rig: Rig, raw: string, pkg = counting(), state: "fresh" | "fork" | "reuse" = "reuse") {
  const result = await rig.run(pkg, { state, raws: [rig.raw(raw)] });
  const [pid, runs] = result.output.trim().split(" ").map(Number);
  return { ...result, pid, runs };
}

void test("a warm guest takes run after run, and its log is kept apart", async () => {
  await using rig = openRig();
  const first = await runOn(rig, "log");
  const second = await runOn(rig, "log");
  assert.deepEqual([first.runs, second.runs, first.pid], [1, 2, second.pid]);
  assert.deepEqual(second.logs, [{ level: "info", message: "from run 2", source: "stderr" }]);
  assert.equal(second.timingsMs.open < 5, true);
  assert.equal(rig.driver.opened.length, 1);
});

void test("a clean failure keeps the guest, anything else does not", async () => {
  await using rig = openRig();
  await runOn(rig, "");
  assert.equal((await runOn(rig, "fail")).outcome.status, "failed");
  assert.equal(rig.driver.opened.length, 1);
  assert.equal((await runOn(rig, "die")).outcome.status, "failed");
  assert.equal((await runOn(rig, "")).runs, 1);
  assert.equal(rig.driver.opened.length, 2);
  assert.equal((await runOn(rig, "sulk")).outcome.status, "succeeded");
  assert.equal((await runOn(rig, "")).runs, 1);
  assert.equal(rig.driver.opened.length, 3);
});

void test("where fresh is cheap the next is opened ahead, and each is used once", async () => {
  await using rig = openRig({ cheapFresh: true });
  const first = await runOn(rig, "", counting(), "fresh");
  while (rig.pool.idle.count < 1) await delay(1);
  const second = await runOn(rig, "", counting(), "fresh");
  assert.deepEqual([first.runs, second.runs], [1, 1]);
  assert.notEqual(first.pid, second.pid);
  assert.equal(second.timingsMs.open, 0);
  while (rig.pool.idle.count < 1) await delay(1);
  assert.equal(rig.driver.opened.length, 3);
  // As many as were in use at once, and one more.
  await Promise.all(Array.from({ length: 4 }, () => runOn(rig, "", counting(), "fresh")));
  await delay(50);
  assert.ok(rig.pool.idle.count <= 4, String(rig.pool.idle.count));
});

void test("nothing is opened ahead after a guest that gave no answer, nor where fresh is dear", async () => {
  for (const [options, raw] of [
    [{ cheapFresh: true }, "die"],
    [{ cheapFresh: true, maxIdle: 0 }, ""],
    [{}, ""],
  ] as const) {
    await using rig = openRig(options);
    await runOn(rig, raw, counting(), "fresh");
    // Longer than the pool waits before it opens one.
    await delay(30);
    assert.equal(rig.driver.opened.length, 1);
  }
});

void test("one that dies or speaks while idle is dropped", { timeout: 10_000 }, async () => {
  for (const raw of ["die idle", "shout idle"]) {
    await using rig = openRig();
    const { outcome, pid = 0 } = await runOn(rig, raw);
    assert.equal(outcome.status, "succeeded");
    assert.equal(rig.pool.idle.count, 1);
    process.kill(pid, "SIGUSR1");
    await rig.driver.opened[0]?.ended;
    while (rig.pool.idle.count > 0) await delay(5);
    assert.equal((await runOn(rig, "")).outcome.status, "succeeded");
    assert.equal(rig.driver.opened.length, 2);
  }
});

void test("fresh is never used twice, also when it was opened ahead", async () => {
  await using rig = openRig();
  const pkg = counting();
  assert.equal(await rig.pool.warm(await request(rig, pkg, "fresh"), 2, NEVER), 2);
  assert.equal(rig.driver.opened.length, 2);
  const pids = new Set<number | undefined>();
  for (let i = 0; i < 3; i += 1) {
    const result = await runOn(rig, "", pkg, "fresh");
    pids.add(result.pid);
    assert.equal(result.runs, 1);
    assert.equal(result.timingsMs.open === 0, i < 2);
  }
  assert.equal(pids.size, 3);
  assert.equal(rig.driver.livingIds.size, 0);
});

async function request(rig: Rig, pkg: ReturnType<typeof counting>, state: LeaseRequest["state"]) {
  const prepared = await rig.driver.prepare(pkg);
  return { driver: rig.driver, prepared, limits: DEFAULT_LIMITS, state, files: [] };
}

void test("sandboxes are shared only by runs that agree in everything", async () => {
  await using rig = openRig();
  await rig.run(counting("a"), { state: "reuse" });
  await rig.run(counting("b"), { state: "reuse" });
  await rig.run(counting("a"), { state: "fork" });
  await rig.run(counting("a"), { state: "reuse", limits: { wallMs: 1234 } });
  assert.equal(rig.driver.opened.length, 4);
  await rig.run(counting("a"), { state: "reuse", limits: { wallMs: 1234 } });
  assert.equal(rig.driver.opened.length, 4);
});

void test("the least recently used is closed first: by number, by memory", async () => {
  const MiB = 1024 * 1024;
  for (const options of [
    { maxIdle: 2 },
    { memoryBudgetBytes: 250 * MiB, peakMemoryBytes: () => 100 * MiB },
  ]) {
    await using rig = openRig(options);
    for (const tag of ["a", "b", "a", "c"]) await rig.run(counting(tag), { state: "reuse" });
    assert.equal(rig.pool.idle.count, 2);
    assert.equal(rig.driver.opened.length, 3);
    await rig.run(counting("a"), { state: "reuse" });
    assert.equal(rig.driver.opened.length, 3);
    await rig.run(counting("b"), { state: "reuse" });
    assert.equal(rig.driver.opened.length, 4);
  }
});

void test("a guest is recycled after its runs, or when it has grown near its limit", async () => {
  await using byRuns = openRig({ maxRuns: 2 });
  for (let i = 0; i < 4; i += 1) await runOn(byRuns, "");
  assert.equal(byRuns.driver.opened.length, 2);
  await using byMemory = openRig({ peakMemoryBytes: () => DEFAULT_LIMITS.memoryBytes * 0.9 });
  for (let i = 0; i < 2; i += 1) await runOn(byMemory, "");
  assert.equal(byMemory.driver.opened.length, 2);
});

void test("idle ones are closed after a while", async () => {
  await using rig = openRig({ idleMs: 50 });
  await runOn(rig, "");
  await rig.driver.opened[0]?.ended;
  assert.equal(rig.pool.idle.count, 0);
});

void test("close ends idle and running ones, and nothing starts after it", async () => {
  await using rig = openRig();
  await runOn(rig, "");
  const running = runOn(rig, "", pythonGuest("run = start(); time.sleep(9)"));
  const opening = runOn(rig, "", pythonGuest("time.sleep(9)"));
  await delay(20);
  await rig.pool.close();
  for (const { outcome } of [await running, await opening, await runOn(rig, "")]) {
    assert.equal(outcome.status === "failed" && outcome.code, "cancelled");
  }
  assert.equal(rig.driver.livingIds.size, 0);
});

void test("close ends what is being opened ahead, and cancelling does too", async () => {
  await using rig = openRig();
  const controller = new AbortController();
  const slow = await request(rig, pythonGuest("time.sleep(9)"), "reuse");
  const cancelled = rig.pool.warm(slow, 1, controller.signal);
  while (rig.driver.opened.length < 1) await delay(1);
  controller.abort();
  assert.equal(await cancelled, 0);
  const closed = rig.pool.warm(slow, 1, NEVER);
  while (rig.driver.opened.length < 2) await delay(1);
  await rig.pool.close();
  assert.equal(await closed, 0);
  assert.equal(rig.driver.livingIds.size, 0);
});

void test("a guest that ran out of memory is not used again", async () => {
  await using rig = openRig();
  const guest = pythonGuest(
    `run = start(); write(frame(FAILED, run, {"message": "m", "reason": "memory"}) + frame(READY, 0, b"{}")); take()`,
  );
  await runOn(rig, "", guest);
  assert.equal(rig.pool.idle.count, 0);
});

void test("many at once", { timeout: 30_000 }, async () => {
  const warnings: Error[] = [];
  const onWarning = (warning: Error): void => {
    warnings.push(warning);
  };
  process.on("warning", onWarning);
  await using rig = openRig({ memoryBudgetBytes: 2 ** 40 });
  const signal = new AbortController().signal;
  for (let round = 0; round < 10; round += 1) {
    const results = await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        rig.run(counting(String(i % 3)), { state: "reuse", signal, raws: [rig.raw("")] }),
      ),
    );
    for (const result of results) assert.equal(result.outcome.status, "succeeded");
    assert.equal(new Set(results.map((result) => result.output.split(" ")[0])).size, 20);
  }
  assert.equal(rig.driver.opened.length <= 21, true);
  assert.equal(getEventListeners(signal, "abort").length, 0);
  process.off("warning", onWarning);
  assert.deepEqual(warnings, []);
  const [sandbox] = rig.driver.opened;
  assert.ok(sandbox !== undefined);
  for (const stream of [sandbox.input, sandbox.output, sandbox.errors]) {
    for (const name of stream.eventNames()) assert.ok(stream.listenerCount(name) <= 3, String(name));
  }
});
