import assert from "node:assert/strict";
import { getEventListeners, once } from "node:events";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";

import * as fc from "fast-check";

import { openRig, plainGuest, pythonGuest } from "./testing/rig.ts";

/** Takes some 100 ms from opening to done, in steps, so that a random moment falls into any of them. */
const GUEST = pythonGuest(`
ready()
while True:
    run, raw = take()
    for i in range(10): send(RECORDS, run, b"1\\n"); send(LOG, run, b"x"); time.sleep(0.003)
    send(DONE, run, {"records": 10}); time.sleep(0.005); ready()
`);
const PLAIN = plainGuest("sh", "-c", "for i in 1 2 3 4 5; do echo $i; sleep 0.01; done; cat > /dev/null");

void test("a run is cancelled in every phase", { timeout: 20_000 }, async () => {
  await using rig = openRig();
  for (const guest of [
    pythonGuest("os.write(2, b'here\\n'); time.sleep(9)"),
    pythonGuest("start(); os.write(2, b'here\\n'); time.sleep(9)"),
    plainGuest("sh", "-c", "echo here >&2; sleep 9"),
  ]) {
    const controller = new AbortController();
    const openedBefore = rig.driver.opened.length;
    const run = rig.run(guest, { signal: controller.signal });
    while (rig.driver.opened.length === openedBefore) await delay(1);
    const { errors } = rig.driver.opened.at(-1) ?? assert.fail();
    await once(errors, "data");
    controller.abort();
    const { outcome } = await run;
    assert.equal(outcome.status === "failed" && outcome.code, "cancelled");
    assert.equal(getEventListeners(controller.signal, "abort").length, 0);
  }
  const { outcome } = await rig.run(GUEST, { signal: AbortSignal.abort() });
  assert.equal(outcome.status === "failed" && outcome.code, "cancelled");
  assert.equal(rig.driver.opened.length, 3);
  assert.equal(rig.driver.livingIds.size, 0);
});

void test(
  "a run that is cancelled at any moment has one outcome and leaves nothing",
  { timeout: 60_000 },
  async () => {
    await using rig = openRig({ openDelayMs: 5 });
    const raws = [rig.raw(Buffer.alloc(2_000_000))];
    const arbitrary = fc.asyncProperty(
      fc.integer({ min: 0, max: 120 }),
      fc.constantFrom("fresh" as const, "reuse" as const, "plain" as const),
      async (afterMs, form) => {
        const controller = new AbortController();
        const timer = setTimeout(() => controller.abort(), afterMs);
        const state = form === "plain" ? "fresh" : form;
        const startedAtMs = performance.now();
        const { outcome } = await rig.run(form === "plain" ? PLAIN : GUEST, {
          state,
          raws,
          signal: controller.signal,
        });
        clearTimeout(timer);
        const took = performance.now() - startedAtMs;
        if (outcome.status === "failed") {
          assert.equal(outcome.code, "cancelled");
          assert.ok(controller.signal.aborted);
          assert.ok(took < afterMs + 2000, `took ${took} ms`);
        }
        // Only what is idle, and may be used again, still lives.
        assert.ok(rig.driver.livingIds.size <= rig.pool.idle.count + (state === "fresh" ? 0 : 1));
      },
    );
    await fc.assert(arbitrary, { numRuns: 60 });
    await rig.pool.close();
    assert.equal(rig.driver.livingIds.size, 0);
  },
);
