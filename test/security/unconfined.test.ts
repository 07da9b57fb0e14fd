/**
 * A check that cannot fail proves nothing. Here the attacks of the hostile suite that do no harm run
 * without a sandbox and have to get through, and the judges are shown what they have to refuse.
 */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import type { LogEntry, RunResult } from "../../src/domain/outcome.ts";
import { openSandboxes } from "../../src/sandbox/sandboxes.ts";
import type { Sandboxes } from "../../src/sandbox/sandboxes.ts";
import { ATTACK_LIMITS } from "./attack.ts";
import type { Attack, Evidence } from "./attack.ts";
import { makeAttackPackage } from "./attack-package.ts";
import { ATTACKS } from "./attacks.ts";
import { openHostTargets } from "./host-targets.ts";
import type { HostTargets } from "./host-targets.ts";
import { judgeAttack } from "./judge-attack.ts";
import { leftovers, observe } from "./observed-driver.ts";
import type { ObservedDriver } from "./observed-driver.ts";
import { listProcesses } from "./processes.ts";
import { runAttack } from "./run-attack.ts";
import type { AttackRun } from "./run-attack.ts";
import { unconfinedDriver } from "./unconfined-driver.ts";

describe("attacks without a sandbox", () => {
  let targets: HostTargets;
  let driver: ObservedDriver;
  let sandboxes: Sandboxes;
  before(async () => {
    targets = await openHostTargets(true);
    driver = observe(unconfinedDriver());
    sandboxes = openSandboxes({ drivers: [driver] });
  });
  after(async () => {
    await sandboxes.close();
    await targets.close();
  });

  for (const attack of ATTACKS) {
    const wanted = attack.unconfined;
    if (wanted === undefined) continue;
    it(`${attack.name} gets through`, async () => {
      const pkg = makeAttackPackage(attack.name, targets);
      // A second package beside it, for those that look for their neighbours.
      makeAttackPackage("bystander", targets);
      const two = attack.secondEnds !== undefined;
      const options = {
        runtime: driver.name,
        state: two ? ("reuse" as const) : ("fresh" as const),
        limits: { ...ATTACK_LIMITS, wallMs: 20_000, processes: 1000, memoryBytes: 1 << 30 },
      };
      const runs = [await runAttack(sandboxes, pkg, options, targets, 1)];
      if (two) runs.push(await runAttack(sandboxes, pkg, options, targets, 2));
      for (const run of runs) assert.equal(run.evidence.ending, "succeeded", run.evidence.message);
      const attempts = runs.flatMap((run) => run.evidence.attempts);
      const through = new Set(attempts.filter((one) => one.gotThrough).map((one) => one.attempt));
      const held = wanted.filter((name) => !through.has(name));
      assert.deepEqual(held, [], `held, though nothing holds it: ${JSON.stringify(attempts).slice(0, 3000)}`);
      if (attack.group === "network" && attack.name !== "network-families") {
        assert.ok(targets.arrivals.length > 0, "the harness hears nothing");
      }
      assert.throws(() => {
        judgeAttack(attack, runs, { ...ATTACK_LIMITS, wallMs: 20_000 }, targets);
      }, /got through|canary/);
    });
  }

  it("what a daemon leaves behind is found", async () => {
    const pkg = makeAttackPackage("daemon", targets);
    const options = {
      runtime: driver.name,
      state: "fresh" as const,
      limits: { ...ATTACK_LIMITS, wallMs: 1000 },
    };
    const count = driver.opened.length;
    await runAttack(sandboxes, pkg, options, targets, 1);
    const watched = driver.opened[count];
    assert.ok(watched !== undefined);
    const found = leftovers(watched);
    for (const one of listProcesses()) {
      if (found.some((text) => text.startsWith(`process ${one.pid} `))) process.kill(one.pid, "SIGKILL");
    }
    assert.ok(found.length > 0, "the daemon was not found");
  });
});

describe("judges of the hostile suite", () => {
  const attack: Attack = {
    name: "none",
    group: "text",
    tries: "nothing",
    ends: ["succeeded"],
    attempts: 1,
    facts: { bytes: (value) => Number(value) <= 10 },
  };
  const targets = { secret: "canary-1234" } as HostTargets;
  const wrong: Readonly<Record<string, { readonly run: AttackRun; readonly says: RegExp }>> = {
    "an attempt that got through": {
      run: runOf({ attempts: [{ attempt: "a", gotThrough: true, detail: "" }] }),
      says: /1 attempts got through/,
    },
    "a guest that tried nothing": { run: runOf({ attempts: [] }), says: /only 0 attempts/ },
    "another ending": { run: runOf({ ending: "time-limit" }), says: /ended with time-limit/ },
    "a fact beyond its bound": { run: runOf({ facts: { bytes: 11 } }), says: /bytes is 11/ },
    "a fact that is missing": { run: runOf({ facts: {} }), says: /bytes is undefined/ },
    "a secret that came out": { run: { ...runOf({}), allText: "x canary-1234 x" }, says: /canary/ },
    "a run that took too long": { run: { ...runOf({}), elapsedMs: 60_000 }, says: /it took/ },
    "an escape sequence in the log": { run: runOf({}, ["\u001b[31m"]), says: /control characters/ },
    "a bidi control in the log": { run: runOf({}, ["a\u202eb"]), says: /control characters/ },
  };
  it("let a good run pass", () => {
    judgeAttack(attack, [runOf({})], ATTACK_LIMITS, targets);
  });
  for (const [name, { run, says }] of Object.entries(wrong)) {
    it(`refuse ${name}`, () => {
      assert.throws(() => {
        judgeAttack(attack, [run], ATTACK_LIMITS, targets);
      }, says);
    });
  }
});

function runOf(part: Partial<Evidence>, logs: readonly string[] = []): AttackRun {
  const entries = logs.map((message): LogEntry => ({ level: "info", message, source: "log" }));
  const result = { outcome: { status: "succeeded" }, logs: entries, timingsMs: { open: 0, run: 1 } };
  return {
    evidence: {
      ending: "succeeded",
      message: "",
      attempts: [{ attempt: "a", gotThrough: false, detail: "" }],
      facts: { bytes: 10 },
      records: [],
      recordBytes: 0,
      logs,
      ...part,
    },
    result: result as unknown as RunResult,
    allText: "",
    elapsedMs: 2,
  };
}
