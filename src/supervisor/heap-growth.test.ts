import assert from "node:assert/strict";
import { test } from "node:test";

import { HeapGrowth } from "./heap-growth.ts";

const LARGE = 50e6;

test("V8 decides while large outputs are read, and by the launcher's setting again when the last is over", async () => {
  const flags: string[] = [];
  const growth = new HeapGrowth(["--heap-growing-percent=25"], (flag) => flags.push(flag));
  await growth.during(1000, async () => {});
  assert.deepEqual(flags, [], "a small one changes nothing");
  const inner = growth.during(LARGE, async () => {
    await assert.rejects(
      growth.during(LARGE, async () => {
        throw new Error("no");
      }),
      /no/u,
    );
    assert.deepEqual(flags, ["--heap-growing-percent=0"]);
    return 7;
  });
  assert.equal(await inner, 7);
  assert.deepEqual(flags, ["--heap-growing-percent=0", "--heap-growing-percent=25"]);
});

test("without the launcher's setting nothing is changed", async () => {
  const growth = new HeapGrowth([], () => assert.fail());
  assert.equal(await growth.during(LARGE, async () => 7), 7);
});
