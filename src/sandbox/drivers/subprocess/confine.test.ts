import assert from "node:assert/strict";
import { it } from "node:test";

import { SandboxIds } from "./confine.ts";

/** What bubblewrap 0.8 still takes for a user: 2^31 - 1. */
const HIGHEST = 2_147_483_647;

it("users of sandboxes are such that every tool takes, and two drivers hardly ever have the same", (t) => {
  if (!new SandboxIds().areOurs) {
    t.skip("only root gives sandboxes users of their own");
    return;
  }
  const taken = Array.from({ length: 1000 }, () => {
    const ids = new SandboxIds();
    for (let count = 1; count < 256; count += 1) ids.take();
    return ids.take() ?? 0;
  });
  assert.ok(
    taken.every((id) => id > 0 && id <= HIGHEST),
    `up to ${Math.max(...taken)}`,
  );
  assert.ok(new Set(taken).size > 900, `${new Set(taken).size} of 1000 differ`);
});
