import assert from "node:assert/strict";
import { test } from "node:test";

import { HeapGrowth } from "./heap-growth.ts";

const LARGE = 50e6;

test("the heap may grow by more while a large output is read, and by the launcher's setting again when it is over", async () => {
  const flags: string[] = [];
  const growth = new HeapGrowth(["--heap-growing-percent=25"], (flag) => flags.push(flag));
  await growth.during(1000, async () => {});
  assert.deepEqual(flags, [], "a small one changes nothing");
  const large = growth.during(LARGE, async () => {
    assert.deepEqual(flags, ["--heap-growing-percent=100"]);
    return 7;
  });
  assert.equal(await large, 7);
  assert.deepEqual(flags, ["--heap-growing-percent=100", "--heap-growing-percent=25"]);
});

test("large ones are read one after another, whatever becomes of them; small ones do not wait for them", async () => {
  const growth = new HeapGrowth([], () => assert.fail("without the launcher's setting nothing is changed"));
  const gate = Promise.withResolvers<void>();
  const order: string[] = [];
  const first = growth.during(LARGE, async () => {
    order.push("first");
    await gate.promise;
    throw new Error("no");
  });
  const second = growth.during(LARGE, async () => {
    order.push("second");
    return 7;
  });
  await growth.during(1000, async () => {
    order.push("small");
  });
  gate.resolve();
  await assert.rejects(first, /no/u);
  assert.equal(await second, 7);
  assert.deepEqual(order.toSorted(), ["first", "second", "small"]);
  assert.ok(order.indexOf("small") < order.indexOf("second"));
});
