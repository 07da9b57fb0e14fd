import type { Task } from "../domain/task.ts";
import { messageOf } from "../domain/unknown.ts";
import { WhiskersError } from "../errors.ts";
import type { FinishedSpan, TracedTask, Traces } from "../telemetry/traces.ts";
import type { DeliveryEvent } from "./deliverer.ts";
import type { SupervisorEvent } from "./events.ts";
import type { AnyEvent } from "./watch.ts";

type Of<Type extends AnyEvent["type"]> = Extract<AnyEvent, { type: Type }>;
type Attributes = FinishedSpan["attributes"];

/** The phases of a run that have a span, in their order; what a warm sandbox does not need has none. */
const PHASES = ["package", "prepare", "open", "handOver", "run", "decode", "validate"] as const;

/**
 * Turns what happens into spans: `claim` (from the scheduler to a worker), `fetch`, the phases of the run,
 * `store`, `deliver` with its steps, `settle`, and one around them for the whole task.
 */
export function tracer(traces: Traces): (event: AnyEvent) => void {
  return (event) => {
    switch (event.type) {
      case "fetched":
        fetched(event, traces);
        return;
      case "finished":
        for (const span of runSpans(event)) traces.add(tracedTask(event.task, event), span);
        return;
      case "delivered":
        delivered(event, traces);
        return;
      case "delayed":
        traces.add(tracedTask(event.run.task, event), deliverSpan(event, messageOf(event.error)));
        return;
      default:
    }
  };
}

function fetched(event: Of<"fetched">, traces: Traces): void {
  const { task, queuedAtMs, claimedMs, startedMs, endedMs, error } = event;
  const attributes = attributesOf(task);
  const traced = tracedTask(task, event);
  traces.add(traced, { name: "claim", startMs: queuedAtMs, endMs: claimedMs, attributes, error: null });
  const failure = error === null ? null : messageOf(error);
  const why = error === null ? {} : { "error.type": codeOf(error) };
  traces.add(traced, {
    name: "fetch",
    startMs: startedMs,
    endMs: endedMs,
    attributes: { ...attributes, ...why },
    error: failure,
  });
}

function runSpans(event: Extract<SupervisorEvent, { type: "finished" }>): readonly FinishedSpan[] {
  const { task, outcome, run, runId, startedMs, elapsedMs, storedMs } = event;
  const attributes: Attributes = {
    ...attributesOf(task),
    "whiskers.run.id": runId,
    "whiskers.outcome": outcome.status,
    ...(outcome.status === "failed" ? { "error.type": outcome.code } : {}),
    ...(run === null
      ? {}
      : {
          "whiskers.package.digest": run.record.packageDigest,
          "whiskers.runtime": run.record.runtime.driver,
          "whiskers.state": run.record.state,
        }),
  };
  const failure = outcome.status === "failed" ? outcome.message : null;
  const blamed = outcome.status === "failed" && outcome.code === "invalid-output" ? "validate" : "run";
  const spans: FinishedSpan[] = [];
  let atMs = startedMs;
  for (const name of PHASES) {
    const ms = run?.record.timingsMs[name] ?? (name === "run" ? elapsedMs : 0);
    if (ms === 0 && name !== blamed) continue;
    const error = name === blamed ? failure : null;
    spans.push({ name, startMs: atMs, endMs: atMs + ms, attributes, error });
    atMs += ms;
  }
  spans.push({ name: "store", startMs: startedMs + elapsedMs, endMs: storedMs, attributes, error: null });
  return spans;
}

function delivered(event: Of<"delivered">, traces: Traces): void {
  const { run, runId, end, startedMs, elapsedMs, settledMs, taskQueuedAtMs } = event;
  const traced = tracedTask(run.task, event);
  const failure = end.state === "failed" ? end.message : null;
  traces.add(traced, deliverSpan(event, failure));
  const attributes = { ...attributesOf(run.task), "whiskers.run.id": runId };
  const doneMs = startedMs + elapsedMs;
  traces.add(traced, { name: "settle", startMs: doneMs, endMs: settledMs, attributes, error: null });
  const last = end.state === "failed" ? { status: "failed" as const, ...end } : run.outcome;
  traces.addTask(traced, {
    name: `task ${run.task.package}`,
    startMs: taskQueuedAtMs,
    endMs: settledMs,
    attributes: {
      ...attributes,
      "whiskers.outcome": last.status,
      ...(last.status === "failed" ? { "error.type": last.code } : {}),
    },
    error: last.status === "failed" ? last.message : null,
  });
}

function deliverSpan(
  event: Extract<DeliveryEvent, { type: "delivered" | "delayed" }>,
  error: string | null,
): FinishedSpan {
  const { run, runId, startedMs, elapsedMs, tried } = event;
  const attributes = { ...attributesOf(run.task), "whiskers.run.id": runId };
  const children = tried.map((step) => ({
    name: step.name,
    startMs: step.startMs,
    endMs: step.endMs,
    attributes: {
      ...attributes,
      ...(step.error === null ? {} : { "error.type": codeOf(step.error) }),
    },
    error: step.error === null ? null : messageOf(step.error),
  }));
  return { name: "deliver", startMs: startedMs, endMs: startedMs + elapsedMs, attributes, error, children };
}

function tracedTask(
  task: Task,
  event: { readonly queuedAtMs: number } | { readonly taskQueuedAtMs: number },
): TracedTask {
  return { id: task.id, queuedAtMs: "queuedAtMs" in event ? event.queuedAtMs : event.taskQueuedAtMs };
}

function attributesOf(task: Task): Attributes {
  const organisation = task.rawData?.boefje_meta.organization;
  return {
    "whiskers.task.id": task.id,
    "whiskers.normalizer.id": task.package,
    "whiskers.raw.id": task.raw,
    ...(organisation === undefined ? {} : { "whiskers.organisation": organisation }),
  };
}

function codeOf(error: unknown): string {
  return error instanceof WhiskersError ? error.code : "internal";
}
