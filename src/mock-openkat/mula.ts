import { setTimeout as delay } from "node:timers/promises";

import type { FastifyInstance } from "fastify";

import type { FaultList } from "./faults.ts";
import { Refusal, requireUuid, serviceApp } from "./service-app.ts";
import { FILTER_OPERATORS, FilterError, matchesFilters, type TaskFilters } from "./task-filters.ts";
import { hashOf, type MulaTask, TASK_STATUSES, type TaskStatus, type TaskStore } from "./task-store.ts";

const SCHEDULERS = new Set(["boefje", "normalizer", "report"]);

const invalid = (message: string): unknown => ({
  detail: [{ type: "value_error", loc: ["body"], msg: message, input: null }],
});
const badRequest = (message: string): Refusal =>
  new Refusal(400, { detail: `Bad request error occurred: ${message}` });

const FILTER = {
  type: "object",
  required: ["column", "operator", "value"],
  properties: {
    column: { type: "string" },
    field: { type: ["string", "null"] },
    operator: { enum: FILTER_OPERATORS },
  },
};
const FILTERS_BODY = {
  type: ["object", "null"],
  properties: {
    filters: {
      anyOf: [
        { type: "array", items: FILTER },
        { type: "object", additionalProperties: { type: "array", items: FILTER } },
      ],
    },
  },
};
/** What a normalizer task's `data` must hold; else the item is malformed. */
const RAW_KEYS = ["id", "mime_types", "boefje_meta"];
const BOEFJE_META_KEYS = ["id", "boefje", "input_ooi", "organization", "started_at", "ended_at"];

/**
 * The scheduler's HTTP interface as a normalizer worker meets it. `slowMs` is how long the service takes
 * over what it retries inside a request before its plain-text 500 (about 10,000 in reality).
 */
export function mulaApp(tasks: TaskStore, faults: FaultList, slowMs: number): FastifyInstance {
  const app = serviceApp(faults, invalid);
  const failSlowly = async (): Promise<never> => {
    await delay(slowMs);
    throw new Error("failed after its retries");
  };

  app.get("/health", async () => ({
    service: "scheduler", healthy: true, version: "mock", additional: null, results: [], externals: {},
  })); // prettier-ignore
  app.get("/", async () => null);

  app.get<{ Params: { id: string } }>("/schedulers/:id", async ({ params }) => {
    requireScheduler(params.id);
    return {
      id: params.id,
      type: params.id,
      item_type: "NormalizerTask",
      qsize: tasks.queuedCount,
      last_activity: null,
    };
  });

  app.post<{
    Params: { id: string };
    Querystring: { limit?: string };
    Body: { filters?: TaskFilters } | null;
  }>("/schedulers/:id/pop", { schema: { body: FILTERS_BODY } }, async ({ params, query, body }) => {
    requireScheduler(params.id);
    const limit = query.limit === undefined ? null : Number(query.limit);
    if (limit !== null && !Number.isInteger(limit)) throw new Refusal(422, invalid("limit is no integer"));
    if (limit !== null && limit < 0) return failSlowly();
    if (params.id !== "normalizer") return { results: [] };
    const filters = body?.filters ?? [];
    try {
      return { results: tasks.pop(limit, (task) => matchesFilters(task, filters)) };
    } catch (error) {
      if (error instanceof FilterError) return failSlowly();
      throw error;
    }
  });

  app.post<{ Params: { id: string }; Body: Record<string, unknown> }>(
    "/schedulers/:id/push",
    {
      schema: {
        body: {
          type: "object",
          additionalProperties: false,
          required: ["organisation", "data"],
          properties: {
            id: { type: ["string", "null"] },
            scheduler_id: { type: "string" },
            organisation: { type: "string" },
            priority: { type: ["integer", "null"] },
            data: { type: "object" },
          },
        },
      },
    },
    async ({ params, body }, reply) => {
      requireScheduler(params.id);
      if (body["id"] === null) throw new Refusal(400, { detail: "Validation error occurred: id" });
      if (body["scheduler_id"] !== undefined && body["scheduler_id"] !== params.id) {
        throw badRequest("scheduler_id in item does not match the scheduler_id in the path");
      }
      const item = body as Parameters<TaskStore["push"]>[0];
      if (!item.priority || !isNormalizerTask(item.data)) throw badRequest("malformed item");
      if (tasks.hasQueued(hashOf(item.data))) {
        const detail = "Conflict error occurred: queue is not allowed to push items";
        throw new Refusal(409, { detail }, { "Retry-After": "60" });
      }
      // Ids that differ are replaced by a new one, so only a pair that survives can clash.
      const survives = item.id !== undefined && item.id === item.data["id"];
      if (survives && tasks.get(item.id) !== undefined) return failSlowly();
      reply.code(201);
      return tasks.push(item);
    },
  );
  app.get<{ Params: { id: string } }>("/tasks/:id", async ({ params }) => find(tasks, params.id));

  app.patch<{ Params: { id: string }; Body: Record<string, unknown> }>(
    "/tasks/:id",
    {
      schema: {
        body: {
          type: "object",
          properties: {
            status: { enum: [...TASK_STATUSES, null] },
            priority: { type: ["integer", "null"] },
            data: { type: "object" },
          },
        },
      },
    },
    async ({ params, body }) => {
      const known = Object.entries(body).filter(([key]) => ["status", "priority", "data"].includes(key));
      if (known.length === 0) throw badRequest("no data to patch");
      if (body["status"] === null) return failSlowly();
      return tasks.patch(find(tasks, params.id), Object.fromEntries(known) as Partial<MulaTask>);
    },
  );

  const list = async (query: ListQuery, filters: TaskFilters): Promise<unknown> => {
    if (query.status !== undefined && !TASK_STATUSES.includes(query.status as TaskStatus))
      return failSlowly();
    if (query.min_created_at !== undefined && query.max_created_at !== undefined) {
      const isBackwards = Date.parse(query.min_created_at) > Date.parse(query.max_created_at);
      if (isBackwards) throw badRequest("min_date must be less than max_date");
    }
    try {
      return page(
        tasks.all().filter((task) => isWanted(task, query) && matchesFilters(task, filters)),
        query,
      );
    } catch (error) {
      if (error instanceof FilterError) return failSlowly();
      throw error;
    }
  };
  app.get<{ Querystring: ListQuery }>("/tasks", async ({ query }) => list(query, []));
  app.post<{ Querystring: ListQuery; Body: { filters?: TaskFilters } | null }>(
    "/tasks",
    { schema: { body: FILTERS_BODY } },
    async ({ query, body }) => list(query, body?.filters ?? []),
  );
  return app;
}

interface ListQuery {
  readonly scheduler_id?: string;
  readonly organisation?: string;
  readonly task_type?: string;
  readonly status?: string;
  readonly offset?: string;
  readonly limit?: string;
  readonly min_created_at?: string;
  readonly max_created_at?: string;
}

function isWanted(task: MulaTask, query: ListQuery): boolean {
  return (
    (query.scheduler_id ?? task.scheduler_id) === task.scheduler_id &&
    (query.organisation ?? task.organisation) === task.organisation &&
    (query.task_type ?? task.type) === task.type &&
    (query.status ?? task.status) === task.status &&
    (query.min_created_at === undefined || Date.parse(task.created_at) >= Date.parse(query.min_created_at)) &&
    (query.max_created_at === undefined || Date.parse(task.created_at) <= Date.parse(query.max_created_at))
  );
}

/** Newest first. `next` is given while offset + limit is not past the count, so the last page may be empty. */
function page(found: readonly MulaTask[], query: ListQuery): unknown {
  const offset = Number(query.offset ?? 0);
  const limit = Number(query.limit ?? 10);
  const link = (at: number): string => `http://scheduler.invalid/tasks?offset=${at}&limit=${limit}`;
  return {
    count: found.length,
    next: offset + limit <= found.length ? link(offset + limit) : null,
    previous: offset > 0 ? link(Math.max(0, offset - limit)) : null,
    results: found.toSorted((a, b) => (a.created_at < b.created_at ? 1 : -1)).slice(offset, offset + limit),
  };
}

function requireScheduler(id: string): void {
  if (!SCHEDULERS.has(id)) {
    throw new Refusal(404, { detail: `Resource not found: Scheduler ${id} not found` });
  }
}

function find(tasks: TaskStore, id: string): MulaTask {
  const task = tasks.get(requireUuid(id, invalid));
  if (task === undefined) {
    throw new Refusal(404, { detail: `Resource not found: task not found, by task_id: ${id}` });
  }
  return task;
}

function isNormalizerTask(data: unknown): data is Record<string, unknown> {
  const { normalizer, raw_data: raw } = (data ?? {}) as {
    readonly normalizer?: { readonly id?: unknown };
    readonly raw_data?: Record<string, unknown>;
  };
  const meta = raw?.["boefje_meta"] as Record<string, unknown> | undefined;
  return (
    typeof normalizer?.id === "string" &&
    RAW_KEYS.every((key) => raw?.[key] !== undefined) &&
    BOEFJE_META_KEYS.every((key) => meta !== undefined && key in meta)
  );
}
