/** The hostile suite of the `wasm` driver for components. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setTimeout } from "node:timers/promises";

import { cpuMsOf, listByArgument } from "../../src/sandbox/drivers/process-tree.ts";
import {
  deedsComponent,
  HOSTILE_COMPONENTS,
  HOSTILE_DEEDS,
  loopsFrom,
} from "../fixtures/hostile-components.ts";
import { MEMORY_PAGES } from "../fixtures/hostile-modules.ts";
import { begin, end, packageOf, run } from "./run-wasm.ts";
import type { Ran } from "./run-wasm.ts";

/** As long as an instance may take that is made ahead, and to end its thread. */
const AHEAD_MAX_MS = 6000;
/** Until the first run of a component is over, on a busy machine too. */
const BEGINS_S = 30;
const ON_DEMAND =
  process.env["WHISKERS_TEST_ATTACKS"] === "all" ? false : "it waits for a minute: WHISKERS_TEST_ATTACKS=all";

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

  test("what is made ahead of a run and loops for ever is ended", { skip: ON_DEMAND }, async () => {
    const from = Math.ceil(Date.now() / 1000) + BEGINS_S;
    const pkg = packageOf("loops-later", await loopsFrom(from), false);
    judge(await run(pkg, "x"), { ends: ["succeeded"] });
    await setTimeout(from * 1000 - Date.now());
    // This run's instance was made before; the next one loops, with nobody who waits for it.
    judge(await run(pkg, "x"), { ends: ["succeeded"] });
    await setTimeout(AHEAD_MAX_MS);
    const processes = listByArgument("/loops-later.wasm");
    assert.ok(processes.length > 0, "its process waits for the next run");
    const workedMs = (): number => processes.reduce((sum, pid) => sum + cpuMsOf(pid), 0);
    const beforeMs = workedMs();
    await setTimeout(2000);
    assert.ok(workedMs() - beforeMs <= 20, `${workedMs() - beforeMs} ms of two seconds`);
  });

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
