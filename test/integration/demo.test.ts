/** `whiskers demo` end to end, as a person starts it. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { tmpdir } from "node:os";

import type { DemoSummary } from "../../src/cli/demo/summary.ts";

const MAIN = new URL("../../src/cli/main.ts", import.meta.url).pathname;
const folder = mkdtempSync(join(tmpdir(), "whiskers-demo-test-"));
after(() => {
  rmSync(folder, { recursive: true });
});

test("every task ends as it should, and nothing is left behind", { timeout: 120_000 }, () => {
  const { status, stdout, stderr } = demo("--json", "--tasks", "120");
  assert.equal(stderr, "", "nothing on standard error when it is no terminal");
  const summary = JSON.parse(stdout) as DemoSummary;
  assert.deepEqual(summary.unexpected, []);
  assert.equal(status, 0);
  assert.equal(summary.tasks, 120);
  assert.equal(summary.succeeded, 115);
  assert.deepEqual(
    summary.failures.map(({ normalizer, code, fault }) => `${normalizer} ${code} ${fault}`).toSorted(),
    [
      "misbehaving-crashes normalizer-crashed normalizer",
      "misbehaving-hoards memory-limit normalizer",
      "misbehaving-invalid invalid-output normalizer",
      "misbehaving-loops time-limit normalizer",
      "misbehaving-raises normalizer-raised normalizer",
    ],
  );
  for (const { message } of summary.failures) assert.ok(message.length > 10 && !message.includes("\n"));
  assert.ok(summary.objects > 1000, `${summary.objects} objects`);
  assert.ok(summary.findings > 0);
  assert.ok(summary.runsPerSecond > 0);
  assert.ok(summary.timePerRunMs.p50 > 0 && summary.timePerRunMs.p99 >= summary.timePerRunMs.p50);
  assert.ok(summary.sandbox !== null && summary.sandbox.protections.length > 5);
  assert.equal(summary.home, null);
  assert.deepEqual(readdirSync(folder), []);
  assert.deepEqual(processesOf(folder), []);
});

test("for people: what happened, and commands that work", { timeout: 120_000 }, () => {
  const { status, stdout } = demo("--tasks", "30", "--keep");
  assert.equal(status, 0, stdout);
  assert.match(stdout, /30 tasks: 25 succeeded, 5 failed/u);
  const kept = /kept in (?<home>\S+)/u.exec(stdout)?.groups?.["home"];
  assert.ok(kept !== undefined && readdirSync(kept).includes("db"));
  const commands = stdout.slice(stdout.indexOf("Try next")).matchAll(/^ {2}(?<command>\S*whiskers .*)$/gmu);
  const tried = [...commands].map(({ groups }) => {
    const [, ...args] = (groups?.["command"] ?? "").split(" ");
    const { status: ended, stderr } = spawnSync(process.execPath, [MAIN, ...args], options());
    // One shows a failure, which is what it is there for.
    assert.ok(ended === 0 || (ended === 1 && args.some((arg) => arg.includes("misbehaving"))), stderr);
    return args[0];
  });
  assert.deepEqual(tried, ["run", "run", "doctor", "help"]);
});

test("a number of tasks that makes no sense is refused", () => {
  const { status, stderr } = demo("--tasks", "some");
  assert.equal(status, 2);
  assert.match(stderr, /--tasks is "some": expected a whole number/u);
});

function demo(...args: readonly string[]) {
  return spawnSync(process.execPath, [MAIN, "demo", ...args], options());
}

function options() {
  const env = { ...process.env, TMPDIR: folder, WHISKERS_HOME: join(folder, "home") };
  return { encoding: "utf8", env, timeout: 100_000, maxBuffer: 64 * 1024 * 1024 } as const;
}

/** Processes of this machine that were started with our temporary folder. */
function processesOf(temporary: string): readonly string[] {
  return readdirSync("/proc").filter((pid) => {
    if (!/^\d+$/u.test(pid)) return false;
    try {
      return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(temporary);
    } catch {
      return false;
    }
  });
}
