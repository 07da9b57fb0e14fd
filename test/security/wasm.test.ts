/** The hostile suite of the `wasm` driver: modules, since it starts nothing else. */
import assert from "node:assert/strict";
import path from "node:path";
import { after, before, describe, test } from "node:test";

import type { Package } from "../../src/domain/package.ts";
import {
  HOSTILE_MODULES,
  LEAVES_A_MARK,
  LOOPS_WHEN_TOLD,
  MEMORY_PAGES,
} from "../fixtures/hostile-modules.ts";
import { PROTOCOL_ATTACK_MODULES } from "../fixtures/protocol-attack-modules.ts";
import { writeReport } from "./hostile-suite.ts";
import { begin, driver, end, packageOf, run as runWith, SHORT_MS } from "./run-wasm.ts";
import type { Ran } from "./run-wasm.ts";
import { UNSAFE_TEXT } from "./unsafe-text.ts";
import { counterpartResults, misnamed } from "./wasm-counterparts.ts";

/** From the limit of time to the end. */
const LATE_MS = 2000;

const MODULES = [...HOSTILE_MODULES, ...PROTOCOL_ATTACK_MODULES];
const LEAVING = "leaves-a-mark";
/** By name of a module, whether it was held. */
const held = new Map<string, boolean>();

describe("hostile modules", { concurrency: 4 }, () => {
  before(begin);
  after(async () => {
    const reports = process.env["WHISKERS_ISOLATION_REPORTS"];
    if (reports !== undefined) {
      const results = counterpartResults((names) =>
        names.every((name) => held.has(name)) ? names.every((name) => held.get(name) === true) : null,
      );
      await writeReport(path.join(reports, "wasm.json"), "wasm", driver, results);
    }
    await end();
  });

  for (const hostile of MODULES) {
    test(`${hostile.name}: ${hostile.tries}`, async () => {
      held.set(hostile.name, false);
      const pkg = packageOf(hostile.name, await hostile.bytes(), hostile.protocol !== true);
      const { result, text, elapsedMs } = await run(pkg, hostile.rawBytes, hostile.ends[0] === "time-limit");
      const { outcome, usage } = result;
      const ending = outcome.status === "succeeded" ? "succeeded" : outcome.code;
      assert.ok(hostile.ends.includes(ending), `${ending}: ${JSON.stringify(outcome)}`);
      if (hostile.says !== undefined)
        assert.match(outcome.status === "failed" ? outcome.message : "", hostile.says);
      for (const [name, holds] of ending === "succeeded" ? Object.entries(hostile.reports ?? {}) : []) {
        const value = Number(new RegExp(`^${name} (\\d+)$`, "mu").exec(text)?.[1]);
        assert.ok(holds(value), `${name}: ${value}; ${text}`);
      }
      assert.ok((usage.peakMemoryBytes ?? 0) <= MEMORY_PAGES * 65_536, `${usage.peakMemoryBytes} bytes`);
      const lateMs = elapsedMs - result.timingsMs.open - SHORT_MS;
      if (ending === "time-limit") assert.ok(lateMs <= LATE_MS, `${lateMs} ms after its limit`);
      assert.ok(!result.logs.some(({ message }) => UNSAFE_TEXT.test(message)), "no control characters");
      held.set(hostile.name, true);
    });
  }

  test("nothing is left of a run for the next, in one process", async () => {
    const pkg = packageOf(LEAVING, await LEAVES_A_MARK(), true);
    held.set(LEAVING, false);
    for (let turn = 0; turn < 4; turn += 1) assert.match((await run(pkg)).text, /^found 0$/mu);
    held.set(LEAVING, true);
  });

  test("what docs/isolation.md says of them names attacks and modules that are there", () => {
    assert.deepEqual(misnamed([...MODULES.map(({ name }) => name), LEAVING]), []);
  });

  test("an endless loop does not keep another instance of its process from its work", async () => {
    const pkg = packageOf("loops-when-told", await LOOPS_WHEN_TOLD(), true);
    await run(pkg, 0);
    const looping = run(pkg, 1, true);
    const results = await Promise.all(Array.from({ length: 3 }, () => run(pkg, 0)));
    for (const { result, text } of results) {
      assert.equal(result.outcome.status, "succeeded");
      assert.match(text, /^n 0$/mu);
    }
    const { outcome } = (await looping).result;
    assert.equal(outcome.status === "failed" ? outcome.code : "succeeded", "time-limit");
  });
});

function run(pkg: Package, rawBytes = 10, isShort = false): Promise<Ran> {
  return runWith(pkg, "x".repeat(rawBytes), isShort);
}
