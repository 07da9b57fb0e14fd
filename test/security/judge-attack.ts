import assert from "node:assert/strict";

import type { Limits } from "../../src/domain/limits.ts";
import type { Attack } from "./attack.ts";
import type { HostTargets } from "./host-targets.ts";
import type { AttackRun } from "./run-attack.ts";
import { UNSAFE_TEXT } from "./unsafe-text.ts";

/** What a run may take over its limits, milliseconds, unless a runtime is slow. */
const OVER_MS = 2000;
/** A message is for people; a stack may be long. */
const MESSAGE_MAX = 8 * 1024;
const STACK_MAX = 128 * 1024;

/** Something took too long. Whether that is the attack's doing or a machine's that stood still, a second try tells. */
export class LateError extends Error {
  override readonly name = "LateError";
}

/** What went wrong was a matter of time, and nothing else. */
export function isLate(error: unknown): boolean {
  return error instanceof AggregateError ? error.errors.every(isLate) : error instanceof LateError;
}

/**
 * Holds the runs of one attack against its row.
 * @throws AssertionError naming what got through
 * @throws LateError it took longer than it may, or was not done when its time was over
 */
export function judgeAttack(
  attack: Attack,
  runs: readonly AttackRun[],
  limits: Limits,
  targets: HostTargets,
  overMs = OVER_MS,
): void {
  for (const [index, run] of runs.entries()) {
    judgeEnd(index === 0 ? attack.ends : (attack.secondEnds ?? []), run);
    judgeTime(run, limits, overMs);
    judgeText(run, targets);
  }
  judgeAttempts(attack, runs);
  for (const [name, holds] of Object.entries(attack.facts ?? {})) {
    const told = runs
      .filter((run) => run.evidence.ending === "succeeded")
      .map((run) => run.evidence.facts[name]);
    for (const value of told) assert.ok(holds(value, limits), `${name} is ${JSON.stringify(value)}`);
  }
  attack.judge?.(
    runs.map((run) => run.evidence),
    limits,
  );
}

function judgeEnd(may: readonly string[], { evidence, result }: AttackRun): void {
  const how = `it ended with ${evidence.ending}: ${evidence.message.slice(0, 500)}`;
  const last = result.logs.slice(-5).map((entry) => entry.message);
  if (may.includes(evidence.ending)) return;
  const message = `${how}; wanted ${may.join(" or ")}; log: ${last.join(" / ").slice(0, 1500)}`;
  assert.fail(evidence.ending === "time-limit" ? new LateError(message) : message);
}

function judgeTime({ result, elapsedMs }: AttackRun, limits: Limits, overMs: number): void {
  const openMs = result.timingsMs.open;
  if (openMs > limits.startMs + overMs) throw new LateError(`opening took ${openMs} ms`);
  const runMs = elapsedMs - openMs;
  if (runMs > limits.wallMs + overMs)
    throw new LateError(`it took ${Math.round(runMs)} ms; the limit is ${limits.wallMs} ms`);
}

function judgeText({ result, allText }: AttackRun, targets: HostTargets): void {
  assert.ok(!allText.includes(targets.secret), "the canary's text came out");
  const { outcome } = result;
  const texts = result.logs.map((entry) => entry.message);
  if (outcome.status === "failed") {
    assert.ok(outcome.message.length <= MESSAGE_MAX, `a message of ${outcome.message.length} characters`);
    const { type, message, stack } = outcome.guestError ?? { type: "", message: "", stack: "" };
    assert.ok(
      type.length + message.length <= MESSAGE_MAX && stack.length <= STACK_MAX,
      "a guest's error is bounded",
    );
    texts.push(outcome.message, type, message, stack);
  }
  const unsafe = texts.find((text) => UNSAFE_TEXT.test(text));
  assert.equal(unsafe, undefined, `control characters in ${JSON.stringify(unsafe?.slice(0, 200))}`);
}

function judgeAttempts(attack: Attack, runs: readonly AttackRun[]): void {
  const attempts = runs.flatMap((run) => run.evidence.attempts);
  const through = attempts.filter((one) => one.gotThrough && !(one.attempt in (attack.allowed ?? {})));
  const list = through.map((one) => `${one.attempt}: ${one.detail}`).join("\n");
  assert.equal(through.length, 0, `${through.length} attempts got through:\n${list}`);
  assert.ok(attempts.length >= (attack.attempts ?? 0), `only ${attempts.length} attempts were reported`);
}
