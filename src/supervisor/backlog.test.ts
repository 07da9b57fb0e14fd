import assert from "node:assert/strict";
import { test } from "node:test";

import { Backlog } from "./backlog.ts";

test("work goes on in the background, up to so many and so much", async () => {
  for (const [limits, bytes] of [
    [{ items: 2, bytes: 1000 }, 1],
    [{ items: 1000, bytes: 19 }, 10],
  ] as const) {
    const backlog = new Backlog(limits, () => {});
    const first = Promise.withResolvers<void>();
    const second = Promise.withResolvers<void>();
    await backlog.add(bytes, first.promise);
    let hasRoom = false;
    const full = (async () => {
      await backlog.add(bytes, second.promise);
      hasRoom = true;
    })();
    await new Promise(setImmediate);
    assert.equal(hasRoom, false);
    first.resolve();
    await full;
    second.resolve();
    await backlog.settled();
  }
});

test("one that is too large alone is taken, and waited for", async () => {
  const backlog = new Backlog({ items: 10, bytes: 10 }, () => {});
  await backlog.add(100, Promise.resolve());
  await backlog.settled();
});

test("the first failure is told at once, and thrown to all", async () => {
  let told = 0;
  const backlog = new Backlog({ items: 10, bytes: 10 }, () => {
    told += 1;
  });
  const work = Promise.withResolvers<void>();
  await backlog.add(1, work.promise);
  work.reject(new Error("first"));
  await new Promise(setImmediate);
  assert.equal(told, 1);
  await assert.rejects(backlog.add(1, Promise.reject(new Error("second"))), /first/u);
  await assert.rejects(backlog.settled(), /first/u);
  assert.equal(told, 1);
});
