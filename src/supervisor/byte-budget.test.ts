import assert from "node:assert/strict";
import { setImmediate } from "node:timers/promises";
import { test } from "node:test";

import { ByteBudget } from "./byte-budget.ts";

test("no more at once than there is, in order, and what is larger than all is alone", async () => {
  const budget = new ByteBudget(100);
  const gates = [60, 30, 500, 10, 90].map((bytes) => ({ bytes, ...Promise.withResolvers<void>() }));
  const under: number[] = [];
  const work = gates.map(({ bytes, promise }) =>
    budget.during(bytes, async () => {
      under.push(bytes);
      await promise;
      under.splice(under.indexOf(bytes), 1);
      if (bytes === 30) throw new Error("no");
      return bytes;
    }),
  );
  const settled = Promise.allSettled(work);
  const after = async (gate: number): Promise<readonly number[]> => {
    gates[gate]?.resolve();
    await setImmediate();
    return [...under];
  };
  await setImmediate();
  assert.deepEqual(under, [60, 30]);
  assert.deepEqual(await after(0), [30], "the small one does not overtake the large one");
  assert.deepEqual(await after(1), [500], "what failed has given back what it had");
  assert.deepEqual(await after(2), [10, 90]);
  await after(3);
  await after(4);
  assert.deepEqual(
    (await settled).map(({ status }) => status),
    ["fulfilled", "rejected", "fulfilled", "fulfilled", "fulfilled"],
  );
});
