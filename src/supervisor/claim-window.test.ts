import assert from "node:assert/strict";
import { test } from "node:test";

import type { Claim } from "../intake/local-queue.ts";
import { ClaimWindow } from "./claim-window.ts";
import type { SlotHistory } from "./claim-window.ts";

test("a slot goes on with its package, and takes the oldest when there is none of it", () => {
  const window = new ClaimWindow();
  window.add(claims("a", "b", "a", "b"));
  const slot: SlotHistory = { package: null, inARow: 0 };
  assert.deepEqual(
    [1, 2, 3, 4, 5].map(() => window.pick(slot)?.package),
    ["a", "a", "b", "b", undefined],
  );
});

test("a busy package does not starve the others", () => {
  const window = new ClaimWindow();
  const slot: SlotHistory = { package: null, inARow: 0 };
  window.add(claims("busy", "other"));
  let picks = 0;
  for (let picked = window.pick(slot); picked?.package === "busy"; picked = window.pick(slot)) {
    window.add(claims("busy"));
    picks += 1;
  }
  assert.equal(picks, 32);
});

function claims(...packages: readonly string[]): readonly Claim[] {
  return packages.map((name, index) => ({
    taskId: `${name}-${index}`,
    package: name,
    lost: new AbortController().signal,
  }));
}
