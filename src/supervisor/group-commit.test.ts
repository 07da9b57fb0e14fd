import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";

import { GroupCommit } from "./group-commit.ts";

test("what comes while one flush is under way goes into the next, and everybody gets their own answer", async () => {
  const groups: (readonly number[])[] = [];
  const gate = Promise.withResolvers<void>();
  const commit = new GroupCommit<number, number>(async (items) => {
    groups.push(items);
    await gate.promise;
    return items.map((item) => item * 10);
  }, 3);
  const first = [commit.add(1), commit.add(2)];
  await Promise.resolve();
  const later = [3, 4, 5, 6].map((item) => commit.add(item));
  gate.resolve();
  assert.deepEqual(await Promise.all([...first, ...later]), [10, 20, 30, 40, 50, 60]);
  assert.deepEqual(groups, [[1, 2], [3, 4, 5], [6]]);
});

test("a flush that fails is told to its own group, and to no other", async () => {
  const commit = new GroupCommit<number, string>((items) => {
    if (items.includes(1)) return Promise.reject(new Error("full"));
    return Promise.resolve(items.map(String));
  }, 1);
  const [first, second] = await Promise.allSettled([commit.add(1), commit.add(2)]);
  assert.equal(first.status, "rejected");
  assert.deepEqual(second, { status: "fulfilled", value: "2" });
  assert.equal(await commit.add(3), "3");
});

test("what comes first waits for company: until there is enough, until no more is expected, or until its time is over", async () => {
  const groups: (readonly number[])[] = [];
  let expected = true;
  const flush = async (items: readonly number[]): Promise<readonly number[]> => {
    groups.push(items);
    return items;
  };
  const patient = new GroupCommit(flush, 8, { waitMs: 60_000, enough: 3, isExpected: () => expected });
  const three = [patient.add(1), setImmediate(2).then((item) => patient.add(item)), patient.add(3)];
  assert.deepEqual(await Promise.all(three), [1, 2, 3]);
  const first = patient.add(4);
  await setImmediate();
  expected = false;
  assert.deepEqual(await Promise.all([first, patient.add(5)]), [4, 5]);
  await patient.add(6);
  const hasty = new GroupCommit(flush, 8, { waitMs: 1, enough: 3, isExpected: () => true });
  await hasty.add(7);
  assert.deepEqual(groups, [[1, 3, 2], [4, 5], [6], [7]]);
});
