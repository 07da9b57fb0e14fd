import type { BoefjeMeta } from "../domain/meta.ts";
import { isObject } from "../domain/unknown.ts";
import { type HttpService, jsonOf, malformedAnswer } from "../http/http-service.ts";

const SCHEDULER = "normalizer";
/** How many tasks one page of a list holds. */
const PAGE = 100;

export type MulaStatus =
  | "queued"
  | "dispatched"
  | "running"
  | "completed"
  | "failed"
  | "cancelled"
  | "pending";

/** A normalizer task of OpenKAT's scheduler. */
export interface MulaTask {
  readonly id: string;
  readonly organisation: string;
  readonly priority: number | null;
  readonly status: MulaStatus;
  readonly normalizer: { readonly id: string; readonly version: string | null };
  readonly rawId: string;
  readonly mimeTypes: readonly string[];
  /** Times are ISO 8601 with `T`, whatever form the scheduler kept them in. */
  readonly boefjeMeta: BoefjeMeta;
  /** When it was popped last: the scheduler moves it at no other time. */
  readonly modifiedAt: string;
}

/** A task that we cannot work on, because its data does not hold what a task's must. */
export interface MalformedTask {
  readonly id: string;
  readonly reason: string;
}

/** A task that we ask the scheduler to have. */
export interface NewMulaTask {
  readonly id: string;
  readonly normalizerId: string;
  readonly rawId: string;
  readonly mimeTypes: readonly string[];
  readonly boefjeMeta: BoefjeMeta;
  /** Lower is served first; the scheduler's own have the Unix time (seconds) of their scan's end. */
  readonly priority: number;
}

export interface Popped {
  readonly tasks: readonly MulaTask[];
  readonly malformed: readonly MalformedTask[];
}

/**
 * OpenKAT's scheduler, as far as a normalizer runner needs it. Facts that shape this client: pop has no
 * lease, so what was popped must be written down at once; a PATCH of the status to `queued` is the only
 * way to hand a task back; a bad filter is answered after ten seconds with a bare 500, so no empty list
 * is ever sent. Every call throws WhiskersError `upstream-unavailable`, `upstream-refused`, `cancelled`.
 */
export interface Mula {
  /** Takes up to `limit` tasks of these normalizers. None is taken when the list is empty. */
  pop(normalizerIds: readonly string[], limit: number, signal: AbortSignal): Promise<Popped>;
  /** @throws `upstream-refused` also when the task is unknown */
  setStatus(taskId: string, status: MulaStatus, signal: AbortSignal): Promise<void>;
  /** Null: unknown. */
  status(taskId: string, signal: AbortSignal): Promise<MulaStatus | null>;
  /**
   * Adds a task. False: one for the same normalizer and the same run of the same boefje is queued already;
   * the scheduler does not tell raw files of one run apart.
   */
  push(task: NewMulaTask, signal: AbortSignal): Promise<boolean>;
  /** Ids of tasks of these normalizers in `status` that were popped before `before` (ISO 8601). */
  listOlder(
    normalizerIds: readonly string[],
    status: "dispatched" | "running",
    before: string,
    signal: AbortSignal,
  ): Promise<readonly string[]>;
}

export function openMula(service: HttpService): Mula {
  return {
    async pop(normalizerIds, limit, signal) {
      if (normalizerIds.length === 0 || limit <= 0) return { tasks: [], malformed: [] };
      const answer = await service.send({
        endpoint: "pop",
        method: "POST",
        path: `/schedulers/${SCHEDULER}/pop`,
        query: { limit: String(limit) },
        json: JSON.stringify({ filters: [ofNormalizers(normalizerIds)] }),
        signal,
      });
      const body = jsonOf(service, "pop", answer);
      return parsePopped(isObject(body) ? body["results"] : body === null ? [] : undefined, service);
    },

    async setStatus(taskId, status, signal) {
      const path = `/tasks/${encodeURIComponent(taskId)}`;
      const json = JSON.stringify({ status });
      const answer = await service.send({ endpoint: "task", method: "PATCH", path, json, signal });
      jsonOf(service, `the status \`${status}\` of task ${taskId}`, answer);
    },

    async status(taskId, signal) {
      const answer = await service.send({
        endpoint: "task",
        method: "GET",
        path: `/tasks/${encodeURIComponent(taskId)}`,
        signal,
      });
      if (answer.status === 404) return null;
      const body = jsonOf(service, `task ${taskId}`, answer);
      if (!isObject(body) || !isStatus(body["status"]))
        throw malformedAnswer(service, "task", "answered with a task without a status");
      return body["status"];
    },

    async push({ id, normalizerId, rawId, mimeTypes, boefjeMeta, priority }, signal) {
      // Its settings may hold keys, and nobody needs them there.
      const { environment: _, ...meta } = boefjeMeta;
      const raw = { id: rawId, boefje_meta: meta, mime_types: mimeTypes.map((value) => ({ value })) };
      // The scheduler keeps an id only when it is given in both places.
      const data = { id, normalizer: { id: normalizerId }, raw_data: raw };
      const answer = await service.send({
        endpoint: "push",
        method: "POST",
        path: `/schedulers/${SCHEDULER}/push`,
        json: JSON.stringify({ id, organisation: boefjeMeta.organization, priority, data }),
        signal,
      });
      if (answer.status === 409) return false;
      jsonOf(service, `a task for raw file ${rawId}`, answer);
      return true;
    },

    async listOlder(normalizerIds, status, before, signal) {
      if (normalizerIds.length === 0) return [];
      const filters = [
        ofNormalizers(normalizerIds),
        { column: "scheduler_id", operator: "eq", value: SCHEDULER },
        { column: "status", operator: "eq", value: status },
        { column: "modified_at", operator: "lt", value: before },
      ];
      const ids: string[] = [];
      for (let offset = 0; ; offset += PAGE) {
        const answer = await service.send({
          endpoint: "tasks",
          method: "POST",
          path: "/tasks",
          query: { offset: String(offset), limit: String(PAGE) },
          json: JSON.stringify({ filters }),
          signal,
        });
        const body = jsonOf(service, "the list of tasks", answer);
        const results = isObject(body) ? body["results"] : undefined;
        if (!Array.isArray(results)) {
          throw malformedAnswer(service, "tasks", "answered with a list of tasks without `results`");
        }
        for (const task of results as readonly unknown[]) {
          if (isObject(task) && typeof task["id"] === "string") ids.push(task["id"]);
        }
        if (results.length < PAGE) return ids;
      }
    },
  };
}

function ofNormalizers(ids: readonly string[]): object {
  return { column: "data", field: "normalizer__id", operator: "in", value: ids };
}

function parsePopped(results: unknown, service: HttpService): Popped {
  if (!Array.isArray(results)) throw malformedAnswer(service, "pop", "answered a pop without `results`");
  const tasks: MulaTask[] = [];
  const malformed: MalformedTask[] = [];
  for (const result of results as readonly unknown[]) {
    const parsed = parseTask(result);
    if (parsed === null) continue;
    if ("reason" in parsed) malformed.push(parsed);
    else tasks.push(parsed);
  }
  return { tasks, malformed };
}

/** Null: it has not even an id, so there is nothing that could be said about it to anybody. */
function parseTask(task: unknown): MulaTask | MalformedTask | null {
  if (!isObject(task) || typeof task["id"] !== "string") return null;
  const id = task["id"];
  const data = asObject(task["data"]);
  const normalizer = asObject(data["normalizer"]);
  const raw = asObject(data["raw_data"]);
  const meta = asObject(raw["boefje_meta"]);
  const boefje = asObject(meta["boefje"]);
  const wanted = {
    organisation: task["organisation"],
    "data.normalizer.id": normalizer["id"],
    "data.raw_data.id": raw["id"],
    "data.raw_data.boefje_meta.id": meta["id"],
    "data.raw_data.boefje_meta.boefje.id": boefje["id"],
    "data.raw_data.boefje_meta.organization": meta["organization"],
    "data.raw_data.boefje_meta.started_at": meta["started_at"],
    "data.raw_data.boefje_meta.ended_at": meta["ended_at"],
  };
  const missing = Object.entries(wanted).find(([, value]) => typeof value !== "string");
  if (missing !== undefined) return { id, reason: `its \`${missing[0]}\` is missing` };
  const text = (value: unknown): string => String(value);
  return {
    id,
    organisation: text(task["organisation"]),
    priority: typeof task["priority"] === "number" ? task["priority"] : null,
    status: isStatus(task["status"]) ? task["status"] : "queued",
    normalizer: { id: text(normalizer["id"]), version: stringOrNull(normalizer["version"]) },
    rawId: text(raw["id"]),
    mimeTypes: mimeTypesOf(raw["mime_types"]),
    boefjeMeta: {
      id: text(meta["id"]),
      started_at: isoTime(text(meta["started_at"])),
      ended_at: isoTime(text(meta["ended_at"])),
      boefje: { id: text(boefje["id"]), version: stringOrNull(boefje["version"]) },
      input_ooi: stringOrNull(meta["input_ooi"]),
      arguments: asObject(meta["arguments"]),
      organization: text(meta["organization"]),
    },
    modifiedAt: typeof task["modified_at"] === "string" ? isoTime(task["modified_at"]) : "",
  };
}

function mimeTypesOf(value: unknown): readonly string[] {
  if (!Array.isArray(value)) return [];
  return (value as readonly unknown[]).flatMap((one) =>
    isObject(one) && typeof one["value"] === "string" ? [one["value"]] : [],
  );
}

/** Tasks that the scheduler made hold times as Python prints them, with a space; others with a `T`. */
function isoTime(text: string): string {
  return text.replace(/^(\d{4}-\d\d-\d\d) /u, "$1T");
}

function asObject(value: unknown): Readonly<Record<string, unknown>> {
  return isObject(value) ? value : {};
}

function stringOrNull(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}

const STATUSES: ReadonlySet<unknown> = new Set([
  "pending",
  "queued",
  "dispatched",
  "running",
  "completed",
  "failed",
  "cancelled",
] satisfies MulaStatus[]);

function isStatus(value: unknown): value is MulaStatus {
  return STATUSES.has(value);
}
