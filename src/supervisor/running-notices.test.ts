import assert from "node:assert/strict";
import { suite, test, type TestContext } from "node:test";
import { setImmediate as turn } from "node:timers/promises";

import type { Mula } from "../intake/mula.ts";
import { RunningNotices } from "./running-notices.ts";

suite("the notice that a task runs", () => {
  test("§10.16 is sent at once where no other was begun lately", async (t) => {
    const { notices, told, pass } = prepare(t);
    notices.begin("first", () => true);
    await pass(1);
    assert.deepEqual(told, ["first"]);
    await pass(501);
    notices.begin("second", () => true);
    await pass(1);
    assert.deepEqual(told, ["first", "second"]);
  });

  test("is not sent of a run that is over soon, where many are begun", async (t) => {
    const { notices, told, pass } = prepare(t);
    for (const id of ["first", "short", "long"]) notices.begin(id, () => true);
    await pass(50);
    notices.end("short");
    assert.deepEqual(told, ["first"]);
    await pass(51);
    assert.deepEqual(told, ["first", "long"]);
  });

  test("is not sent by a process that has lost the task meanwhile", async (t) => {
    const { notices, told, pass } = prepare(t);
    notices.begin("lost", () => false);
    await pass(200);
    assert.deepEqual(told, []);
    await notices.quiet("lost");
  });
});

interface Prepared {
  readonly notices: RunningNotices;
  /** Ids of tasks that the scheduler was told to be running. */
  readonly told: readonly string[];
  /** So many milliseconds go by, and what is due is done. */
  readonly pass: (ms: number) => Promise<void>;
}

function prepare(t: TestContext): Prepared {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  let nowMs = 1000;
  t.mock.method(performance, "now", () => nowMs);
  const told: string[] = [];
  const mula: Pick<Mula, "status" | "setStatus"> = {
    status: () => Promise.resolve("dispatched"),
    setStatus: (id) => {
      told.push(id);
      return Promise.resolve();
    },
  };
  return {
    notices: new RunningNotices(mula, new AbortController().signal),
    told,
    async pass(ms) {
      nowMs += ms;
      t.mock.timers.tick(ms);
      await turn();
    },
  };
}
