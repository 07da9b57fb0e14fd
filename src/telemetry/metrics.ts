import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from "prom-client";

import type { Outcome } from "../domain/outcome.ts";
import type { Phase } from "../domain/run.ts";
import { ERRORS } from "../errors.ts";
import type { UpstreamFailure } from "../http/http-service.ts";

/** Seconds: from a warm run's fraction of a millisecond to a long one's minutes. */
const BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300];

const NO_CAUSE = { code: "", fault: "" };

/** What is read at the moment when somebody asks for the metrics. */
export interface MetricSources {
  /** Tasks that wait, by where they wait, and the age of the oldest, seconds. */
  queue(): Promise<{ readonly depth: Readonly<Record<string, number>>; readonly oldestSeconds: number }>;
  sandboxes(): { readonly count: number; readonly memoryBytes: number };
  /** Normalizers that this process runs, and packages that it could not use at its last look. */
  packages(): { readonly normalizers: number; readonly troubles: number };
}

export interface Metrics {
  /** One run is over. Milliseconds per phase; empty when there was no run. */
  countRun(normalizer: string, outcome: Outcome, timingsMs: Partial<Readonly<Record<Phase, number>>>): void;
  /** A run's result was looked for among those of earlier ones. */
  countCacheLookup(normalizer: string, found: boolean): void;
  /** A task is over for good: its results arrived, or it failed. */
  countTask(normalizer: string, end: Outcome): void;
  /** A delivery is over: everything arrived, or it was given up. */
  countDelivery(delivered: boolean, elapsedMs: number): void;
  /** A request to Mula, Bytes or Octopoes failed, whether it is tried again or not. */
  countUpstreamError(failure: UpstreamFailure): void;
  /** In Prometheus' text format. */
  text(): Promise<string>;
  readonly contentType: string;
}

/** The metrics of one process, in a registry of their own. */
export function openMetrics(sources: MetricSources): Metrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  const runs = new Counter({
    name: "whiskers_runs_total",
    help: "Runs that came to an outcome, by normalizer, status and error code.",
    labelNames: ["normalizer", "status", "code"],
    registers,
  });
  const tasks = new Counter({
    name: "whiskers_tasks_total",
    help: "Tasks that are over, by normalizer, status, and for those that failed, why and whose fault it was.",
    labelNames: ["normalizer", "status", "code", "fault"],
    registers,
  });
  const lookups = new Counter({
    name: "whiskers_cache_lookups_total",
    help: "Runs of normalizers whose results are kept, by normalizer, and whether there was one (hit) or it was run (miss).",
    labelNames: ["normalizer", "result"],
    registers,
  });
  const phases = new Histogram({
    name: "whiskers_phase_seconds",
    help: "Time that runs spent in each phase.",
    labelNames: ["phase"],
    buckets: BUCKETS,
    registers,
  });
  const deliveries = new Histogram({
    name: "whiskers_delivery_seconds",
    help: "Time from taking a delivery until it was over, by result.",
    labelNames: ["result"],
    buckets: BUCKETS,
    registers,
  });
  const upstreamErrors = new Counter({
    name: "whiskers_upstream_errors_total",
    help: "Requests that failed, by service, group of endpoints, and kind of failure.",
    labelNames: ["service", "endpoint", "kind"],
    registers,
  });
  // One question to the database for both: the metrics of one scrape are collected together.
  let asked: ReturnType<MetricSources["queue"]> | null = null;
  const ask = (): ReturnType<MetricSources["queue"]> => {
    asked ??= sources.queue().finally(() => {
      asked = null;
    });
    return asked;
  };
  registry.registerMetric(
    new Gauge({
      name: "whiskers_queue_oldest_seconds",
      help: "Age of the oldest task that waits.",
      registers: [],
      async collect() {
        this.set((await ask()).oldestSeconds);
      },
    }),
  );
  registry.registerMetric(
    new Gauge({
      name: "whiskers_queue_tasks",
      help: "Tasks that wait, by state.",
      labelNames: ["state"],
      registers: [],
      async collect() {
        const { depth } = await ask();
        for (const [state, count] of Object.entries(depth)) this.set({ state }, count);
      },
    }),
  );
  registry.registerMetric(
    new Gauge({
      name: "whiskers_idle_sandboxes",
      help: "Warm sandboxes that wait for a run.",
      registers: [],
      collect() {
        this.set(sources.sandboxes().count);
      },
    }),
  );
  registry.registerMetric(
    new Gauge({
      name: "whiskers_idle_sandbox_bytes",
      help: "Memory that warm sandboxes count against their budget.",
      registers: [],
      collect() {
        this.set(sources.sandboxes().memoryBytes);
      },
    }),
  );
  registry.registerMetric(
    new Gauge({
      name: "whiskers_normalizers",
      help: "Normalizers that this process runs.",
      registers: [],
      collect() {
        this.set(sources.packages().normalizers);
      },
    }),
  );
  registry.registerMetric(
    new Gauge({
      name: "whiskers_package_troubles",
      help: "Packages that are set or installed and could not be used at the last look.",
      registers: [],
      collect() {
        this.set(sources.packages().troubles);
      },
    }),
  );
  return {
    countRun(normalizer, outcome, timingsMs) {
      runs.inc({ normalizer, status: outcome.status, code: outcome.status === "failed" ? outcome.code : "" });
      for (const [phase, ms] of Object.entries(timingsMs)) phases.observe({ phase }, ms / 1000);
    },
    countCacheLookup(normalizer, found) {
      lookups.inc({ normalizer, result: found ? "hit" : "miss" });
    },
    countTask(normalizer, end) {
      const cause = end.status === "failed" ? { code: end.code, fault: ERRORS[end.code].fault } : NO_CAUSE;
      tasks.inc({ normalizer, status: end.status, ...cause });
    },
    countDelivery(delivered, elapsedMs) {
      deliveries.observe({ result: delivered ? "delivered" : "failed" }, elapsedMs / 1000);
    },
    countUpstreamError({ service, endpoint, kind }) {
      upstreamErrors.inc({ service: service.toLowerCase(), endpoint, kind });
    },
    text: () => registry.metrics(),
    contentType: registry.contentType,
  };
}
