import { ERRORS, WhiskersError } from "../errors.ts";
import { messageOf } from "../domain/unknown.ts";
import type { Task } from "../domain/task.ts";
import type { Log, LogFields } from "../telemetry/log.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import type { DeliveryEvent } from "./deliverer.ts";
import type { SupervisorEvent } from "./events.ts";
import type { IntakeEvent } from "./intake-pump.ts";

export type AnyEvent = SupervisorEvent | DeliveryEvent | IntakeEvent;

/** Turns what happens into log lines and metrics. */
export function watcher(log: Log, metrics: Metrics): (event: AnyEvent) => void {
  return (event) => {
    switch (event.type) {
      case "started":
        log.debug("run started", { ...idsOf(event.task), starts: event.starts });
        return;
      case "finished":
        finished(event, log, metrics);
        return;
      case "fetched":
        return;
      case "deferred":
        log.warn("task deferred", {
          ...idsOf(event.task),
          ...errorFields(event.error),
          retryAfterSeconds: event.retryAfterSeconds,
        });
        return;
      case "refused":
        log.warn("claim lost: the result was not stored", idsOf(event.task));
        return;
      case "delivered":
        delivered(event, log, metrics);
        return;
      case "delayed":
        log.warn("delivery delayed", {
          ...idsOf(event.run.task),
          run: event.runId,
          step: event.step,
          ...errorFields(event.error),
          retryAfterSeconds: event.retryAfterSeconds,
        });
        return;
      case "delivery-lost":
        log.warn("claim lost: the delivery was left to another process", { task: event.taskId });
        return;
      case "popped":
        log.debug("tasks taken", { count: event.count, fresh: event.fresh });
        return;
      case "malformed":
        log.error("task refused", { task: event.taskId, reason: event.reason });
        return;
      case "pop-failed":
        log.warn("scheduler failed", errorFields(event.error));
    }
  };
}

function finished(
  { task, outcome, run, runId, elapsedMs, retryAfterSeconds }: Extract<SupervisorEvent, { type: "finished" }>,
  log: Log,
  metrics: Metrics,
): void {
  metrics.countRun(task.package, outcome, run?.record.timingsMs ?? {});
  const cached = run?.record.cached;
  if (run?.cacheKey !== undefined) metrics.countCacheLookup(task.package, cached !== undefined);
  const fields = { ...idsOf(task), run: runId, elapsedMs: Math.round(elapsedMs) };
  if (outcome.status === "succeeded") {
    log.info("run succeeded", cached === undefined ? fields : { ...fields, cached });
    return;
  }
  const { code, message } = outcome;
  const { fault } = ERRORS[code];
  const say = fault === "normalizer" ? log.warn : log.error;
  say("run failed", { ...fields, code, fault, reason: message, retryAfterSeconds });
}

function delivered(
  { run, runId, end, elapsedMs }: Extract<DeliveryEvent, { type: "delivered" }>,
  log: Log,
  metrics: Metrics,
): void {
  metrics.countDelivery(end.state === "delivered", elapsedMs);
  metrics.countTask(run.task.package, end.state === "delivered" ? run.outcome : { ...end, status: "failed" });
  const fields = { ...idsOf(run.task), run: runId, elapsedMs: Math.round(elapsedMs) };
  if (end.state === "delivered") log.info("delivered", fields);
  else log.error("delivery failed", { ...fields, code: end.code, reason: end.message });
}

function idsOf(task: Task): LogFields {
  const organisation = task.rawData?.boefje_meta.organization;
  return { task: task.id, normalizer: task.package, ...(organisation === undefined ? {} : { organisation }) };
}

function errorFields(error: unknown): LogFields {
  const code = error instanceof WhiskersError ? error.code : "internal";
  return { code, reason: messageOf(error) };
}
