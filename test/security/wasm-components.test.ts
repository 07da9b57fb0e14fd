/** The hostile suite of the `wasm` driver for components. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { deedsComponent, HOSTILE_COMPONENTS, HOSTILE_DEEDS } from "../fixtures/hostile-components.ts";
import { MEMORY_PAGES } from "../fixtures/hostile-modules.ts";
import { begin, end, packageOf, run } from "./run-wasm.ts";
import type { Ran } from "./run-wasm.ts";

describe("hostile components", { concurrency: 4 }, () => {
  before(begin);
  after(end);

  for (const { name, tries, bytes, ends, says } of HOSTILE_COMPONENTS) {
    test(`a component that ${tries}`, async () => {
      judge(await run(packageOf(name, await bytes(), false), "x", ends.includes("time-limit")), {
        ends,
        says,
      });
    });
  }

  test("a component's run: the deeds", { concurrency: 4 }, async (context) => {
    const pkg = packageOf("deeds", await deedsComponent(), false);
    const deeds = HOSTILE_DEEDS.map(({ tries, ends, says, gives }, index) =>
      context.test(`a run that ${tries}`, async () => {
        const raw = String.fromCodePoint(index + 1);
        judge(await run(pkg, raw, ends.includes("time-limit")), { ends, says, gives });
      }),
    );
    await Promise.all(deeds);
  });
});

interface Expected {
  readonly ends: readonly string[];
  readonly says?: RegExp | undefined;
  readonly gives?: RegExp | undefined;
}

function judge({ result, text }: Ran, { ends, says, gives }: Expected): void {
  const { outcome, usage } = result;
  const ending = outcome.status === "succeeded" ? "succeeded" : outcome.code;
  const shown = `${ending}: ${JSON.stringify(outcome)} ${JSON.stringify(result.logs).slice(0, 2000)}`;
  assert.ok(ends.includes(ending), shown);
  if (says !== undefined) assert.match(outcome.status === "failed" ? outcome.message : "", says, shown);
  if (gives !== undefined) assert.match(text, gives);
  assert.ok((usage.peakMemoryBytes ?? 0) <= MEMORY_PAGES * 65_536, `${usage.peakMemoryBytes} bytes`);
}
