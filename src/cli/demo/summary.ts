import { relative } from "node:path";

import type { Outcome } from "../../domain/outcome.ts";
import type { Run, RunRecord } from "../../domain/run.ts";
import { ERRORS } from "../../errors.ts";
import type { ErrorCode, Fault } from "../../errors.ts";
import type { Probe } from "../../sandbox/driver.ts";
import type { PlannedTask } from "./plan.ts";

/** What `whiskers demo --json` prints. */
export interface DemoSummary {
  readonly tasks: number;
  readonly succeeded: number;
  readonly failed: number;
  /** Findings not included. */
  readonly objects: number;
  readonly findings: number;
  readonly failures: readonly DemoFailure[];
  /** In words; empty: all went as it should. */
  readonly unexpected: readonly string[];
  readonly leftOut: readonly LeftOut[];
  readonly workMs: number;
  readonly runsPerSecond: number;
  readonly timePerRunMs: { readonly p50: number; readonly p99: number };
  readonly sandbox: DemoSandbox | null;
  /** Folder with the queue, run records and outputs; null: removed. */
  readonly home: string | null;
}

export interface DemoFailure {
  readonly task: string;
  readonly normalizer: string;
  readonly raw: string;
  readonly code: ErrorCode;
  readonly message: string;
  readonly fault: Fault;
  readonly expected: boolean;
}

/** A normalizer that cannot run here. */
export interface LeftOut {
  readonly normalizer: string;
  readonly reason: string;
}

interface DemoSandbox {
  readonly driver: string;
  readonly version: string;
  /** Runs per state policy. */
  readonly states: Readonly<Record<string, number>>;
  readonly protections: readonly { readonly name: string; readonly by: string }[];
  readonly missing: readonly string[];
  readonly advice: readonly string[];
}

/** What is remembered of a finished task: not its output. */
export interface FinishedTask {
  readonly planned: PlannedTask;
  readonly outcome: Outcome;
  readonly objects: number;
  readonly findings: number;
  /** Null when the platform failed before there was a run. */
  readonly record: RunRecord | null;
}

/** What one run found. */
export interface Found {
  readonly objects: number;
  readonly findings: number;
}

export function foundIn({ outcome, records }: Run): Found {
  const objects = outcome.status === "succeeded" ? records.objects : [];
  const findings = objects.filter(({ object_type: type }) => type === "Finding").length;
  return { objects: objects.length - findings, findings };
}

export function finishedTask(
  planned: PlannedTask,
  outcome: Outcome,
  record: RunRecord | null,
  found: Found = { objects: 0, findings: 0 },
): FinishedTask {
  return { planned, outcome, ...found, record };
}

export function summarise(
  planned: readonly PlannedTask[],
  finished: readonly FinishedTask[],
  more: {
    readonly leftOut: readonly LeftOut[];
    readonly workMs: number;
    readonly home: string | null;
    /** Paths are shown from here. */
    readonly root: string;
    readonly probes: readonly { readonly driver: { readonly name: string }; readonly probe: Probe }[];
  },
): DemoSummary {
  const { leftOut, workMs, home, root, probes } = more;
  const totalsMs = finished
    .filter(({ planned: { expected } }) => expected === null)
    .flatMap(({ record }) => record?.timingsMs.total ?? [])
    .toSorted((a, b) => a - b);
  const failures = finished
    .flatMap((one) => failureOf(one, root))
    .toSorted((a, b) => Number(a.expected) - Number(b.expected));
  return {
    tasks: planned.length,
    succeeded: finished.length - failures.length,
    failed: failures.length,
    objects: sum(finished.map(({ objects }) => objects)),
    findings: sum(finished.map(({ findings }) => findings)),
    failures,
    unexpected: unexpectedOf(planned, finished, root),
    leftOut,
    workMs,
    runsPerSecond: finished.length / (workMs / 1000),
    timePerRunMs: { p50: percentile(totalsMs, 0.5), p99: percentile(totalsMs, 0.99) },
    sandbox: sandboxOf(finished, probes),
    home,
  };
}

function failureOf({ planned, outcome }: FinishedTask, root: string): readonly DemoFailure[] {
  if (outcome.status === "succeeded") return [];
  const { code, message } = outcome;
  return [
    {
      task: planned.task.id,
      normalizer: planned.pkg.manifest.id,
      raw: relative(root, planned.task.raw),
      code,
      message,
      fault: ERRORS[code].fault,
      expected: planned.expected === code,
    },
  ];
}

function unexpectedOf(
  planned: readonly PlannedTask[],
  finished: readonly FinishedTask[],
  root: string,
): readonly string[] {
  const wrong = finished.flatMap(({ planned: { pkg, task, expected }, outcome }) => {
    const found = outcome.status === "failed" ? outcome.code : null;
    if (found === expected) return [];
    const wanted = expected === null ? "should have succeeded" : `should have ended with ${expected}`;
    const what = outcome.status === "failed" ? `${outcome.code}: ${outcome.message}` : "it succeeded";
    return [`${pkg.manifest.id} on ${relative(root, task.raw)} ${wanted}; ${what}`];
  });
  const missing = planned.length - finished.length;
  return missing === 0 ? wrong : [...wrong, `${missing} tasks were not finished`];
}

function sandboxOf(
  finished: readonly FinishedTask[],
  probes: readonly { readonly driver: { readonly name: string }; readonly probe: Probe }[],
): DemoSandbox | null {
  const records = finished.flatMap(({ record }) => record ?? []);
  const [first] = records;
  if (first === undefined) return null;
  const { driver, version } = first.runtime;
  const probe = probes.find((one) => one.driver.name === driver)?.probe;
  const states: Record<string, number> = {};
  for (const { state } of records) states[state] = (states[state] ?? 0) + 1;
  return {
    driver,
    version,
    states,
    protections: first.protections.flatMap(({ name, by }) => (by === null ? [] : [{ name, by }])),
    missing: first.protections.filter(({ by }) => by === null).map(({ name }) => name),
    advice: probe?.available === true ? probe.advice : [],
  };
}

function sum(counts: readonly number[]): number {
  return counts.reduce((total, count) => total + count, 0);
}

/** Nearest rank. */
function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0;
}
