import { createHash, randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";

import type { Context } from "@opentelemetry/api";

import type { Log } from "./log.ts";

/** Something that was done for a task, once it is over. Times are milliseconds of Unix time. */
export interface FinishedSpan {
  /** Of few different ones: `run`, `octopoes/observation`. */
  readonly name: string;
  readonly startMs: number;
  readonly endMs: number;
  readonly attributes: Readonly<Record<string, string | number>>;
  /** Why it failed; null: it did not. */
  readonly error: string | null;
  readonly children?: readonly FinishedSpan[];
}

/** One time that a task is in our hands; a retry is another. */
export interface TracedTask {
  readonly id: string;
  readonly queuedAtMs: number;
}

export interface Traces {
  /** Adds what was done to the trace of its task. Costs little, waits for nobody, never throws. */
  add(task: TracedTask, span: FinishedSpan): void;
  /** Adds the span that holds all others of the task, when the task is over. */
  addTask(task: TracedTask, span: FinishedSpan): void;
  /** Sends what was added, but does not wait long for a collector that is away. */
  close(): Promise<void>;
}

export interface TracesOptions {
  /** Of an OTLP collector over gRPC: `http://collector:4317`; with `https:` the connection is encrypted. */
  readonly endpoint: string;
  readonly version: string;
  readonly log: Pick<Log, "warn">;
}

/** What one request may take, and what the end of the process may wait for, milliseconds. */
const EXPORT_TIMEOUT_MS = 5000;
const CLOSE_TIMEOUT_MS = 3000;
/** Spans that wait to be sent; more are dropped. A task has about ten. */
const WAITING_SPANS = 8192;
const SEND_EVERY_MS = 1000;
/** Troubles are told at most so often, milliseconds. */
const TELL_EVERY_MS = 60_000;

/**
 * Traces by OpenTelemetry, sent by OTLP over gRPC. A task's trace has the task's own id, so that it is found by
 * it, and so that processes that know nothing of each other add to one trace: whoever runs a task and whoever
 * delivers what came out. OpenTelemetry's packages are loaded here, and only when this is called.
 */
export async function openTraces({ endpoint, version, log }: TracesOptions): Promise<Traces> {
  const [api, sdk, { OTLPTraceExporter }, { resourceFromAttributes }] = await Promise.all([
    import("@opentelemetry/api"),
    import("@opentelemetry/sdk-trace"),
    import("@opentelemetry/exporter-trace-otlp-grpc"),
    import("@opentelemetry/resources"),
  ]);
  const exporter = new OTLPTraceExporter({ url: endpoint, timeoutMillis: EXPORT_TIMEOUT_MS });
  const ids = new GivenIds();
  let toldMs = -Infinity;
  const tell = (reason: string): void => {
    if (performance.now() - toldMs < TELL_EVERY_MS) return;
    toldMs = performance.now();
    log.warn("traces are not taken by the collector, and are dropped", { endpoint, reason });
  };
  const provider = new sdk.TracerProvider({
    resource: resourceFromAttributes({
      "service.name": "whiskers",
      "service.version": version,
      "process.pid": process.pid,
    }),
    idGenerator: ids,
    spanProcessors: [
      new sdk.BatchSpanProcessor({
        exporter: {
          // The processor would tell OpenTelemetry's own error handler only, which nobody hears.
          export: (spans, done) => {
            exporter.export(spans, (result) => {
              if (result.error !== undefined) tell(result.error.message);
              done(result);
            });
          },
          shutdown: () => exporter.shutdown(),
        },
        maxQueueSize: WAITING_SPANS,
        scheduledDelayMillis: SEND_EVERY_MS,
        exportTimeoutMillis: EXPORT_TIMEOUT_MS,
      }),
    ],
  });
  const tracer = provider.getTracer("whiskers", version);
  const write = (span: FinishedSpan, parent: Context, given: SpanIds | null = null): void => {
    const { name, startMs, endMs, attributes, error, children = [] } = span;
    ids.next = given;
    const open = tracer.startSpan(name, { startTime: startMs, attributes }, parent);
    ids.next = null;
    if (error !== null) open.setStatus({ code: api.SpanStatusCode.ERROR, message: error });
    const inside = api.trace.setSpan(parent, open);
    for (const child of children) write(child, inside);
    open.end(Math.max(startMs, endMs));
  };
  return {
    add(task, span) {
      const spanContext = {
        traceId: traceIdOf(task),
        spanId: rootIdOf(task),
        traceFlags: api.TraceFlags.SAMPLED,
        isRemote: true,
      };
      write(span, api.trace.setSpanContext(api.ROOT_CONTEXT, spanContext));
    },
    addTask(task, span) {
      write(span, api.ROOT_CONTEXT, { traceId: traceIdOf(task), spanId: rootIdOf(task) });
    },
    async close() {
      const late = new AbortController();
      const timeout = sleep(CLOSE_TIMEOUT_MS, undefined, { signal: late.signal }).catch(() => {});
      await Promise.race([provider.shutdown().catch(() => exporter.shutdown()), timeout]);
      late.abort();
    },
  };
}

/** A UUID is as long as a trace's id. */
function traceIdOf({ id }: TracedTask): string {
  return id.replaceAll("-", "").toLowerCase();
}

/** The same in every process, and another for each time that the task is queued. */
function rootIdOf({ id, queuedAtMs }: TracedTask): string {
  return createHash("sha256")
    .update(`${id} ${Math.round(queuedAtMs)}`)
    .digest("hex")
    .slice(0, 16);
}

interface SpanIds {
  readonly traceId: string;
  readonly spanId: string;
}

/** Random ids, but for the next span when they are given. */
class GivenIds {
  next: SpanIds | null = null;

  generateTraceId(): string {
    return this.next?.traceId ?? randomBytes(16).toString("hex");
  }

  generateSpanId(): string {
    return this.next?.spanId ?? randomBytes(8).toString("hex");
  }
}
