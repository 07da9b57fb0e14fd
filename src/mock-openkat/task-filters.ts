import { type MulaTask, TASK_STATUSES } from "./task-store.ts";

export interface TaskFilter {
  readonly column: string;
  readonly field?: string | null;
  readonly operator: string;
  readonly value: unknown;
}

export type TaskFilters =
  | readonly TaskFilter[]
  | {
      readonly and?: readonly TaskFilter[];
      readonly or?: readonly TaskFilter[];
      readonly not?: readonly TaskFilter[];
    };

/** The service would answer a plain-text 500 after about ten seconds of retrying. */
export class FilterError extends Error {}

/** Operators that the scheduler's validation knows; any other is refused at once with 422. */
export const FILTER_OPERATORS = [
  "==", "eq", "!=", "ne", ">", "gt", "<", "lt", ">=", "gte", "<=", "lte",
  "is", "is_not", "is_null", "is_not_null", "in", "not_in", "any",
  "like", "not_like", "ilike", "not_ilike", "starts_with", "contains", "match", "@>", "<@", "@?", "@@",
] as const; // prettier-ignore

const COLUMNS = new Set([
  "id", "scheduler_id", "schedule_id", "organisation", "type", "hash", "priority", "data", "status", "created_at", "modified_at",
]); // prettier-ignore

/**
 * Whether a task passes the filters of a pop or list request. Knows what a normalizer worker may send
 * and fails, as the scheduler does, on what it fails on.
 * @throws FilterError
 */
export function matchesFilters(task: MulaTask, filters: TaskFilters): boolean {
  if (Array.isArray(filters)) return (filters as readonly TaskFilter[]).every((one) => matches(task, one));
  const groups = filters as Exclude<TaskFilters, readonly TaskFilter[]>;
  const unknown = Object.keys(groups).find((name) => !["and", "or", "not"].includes(name));
  if (unknown !== undefined) throw new FilterError(`unknown group ${unknown}`);
  if ((groups.not?.length ?? 0) > 1) throw new FilterError("`not` takes exactly one filter");
  return (
    (groups.and ?? []).every((one) => matches(task, one)) &&
    (groups.or === undefined || groups.or.length === 0 || groups.or.some((one) => matches(task, one))) &&
    !(groups.not ?? []).some((one) => matches(task, one))
  );
}

function matches(task: MulaTask, filter: TaskFilter): boolean {
  if (!COLUMNS.has(filter.column)) throw new FilterError(`no column ${filter.column}`);
  const onPath = filter.column === "data" && typeof filter.field === "string";
  if (onPath) checkPathValue(filter.value);
  const actual = onPath
    ? valueAt(task.data, filter.field.split("__"))
    : (task as unknown as Record<string, unknown>)[filter.column];
  if (filter.column === "status") return compare(actual, { ...filter, value: statuses(filter.value) });
  // A missing key is SQL's NULL: no comparison holds, not even a negated one.
  if (actual === undefined || actual === null) return filter.operator === "is" && filter.value === null;
  return compare(actual, filter);
}

/** In lower case, as tasks have them; the scheduler also takes their names in upper case. */
function statuses(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(statuses);
  const status = typeof value === "string" ? value.toLowerCase() : value;
  if (!(TASK_STATUSES as readonly unknown[]).includes(status)) throw new FilterError("no such status");
  return status;
}

/** What makes the scheduler fail on a JSON path: null, booleans and empty lists. */
function checkPathValue(value: unknown): void {
  if (value === null || typeof value === "boolean" || (Array.isArray(value) && value.length === 0)) {
    throw new FilterError(`cannot compare a JSON path with ${JSON.stringify(value)}`);
  }
}

function compare(actual: unknown, { operator, value }: TaskFilter): boolean {
  const text = typeof actual === "string" ? actual : JSON.stringify(actual);
  const wanted = typeof value === "string" ? value : JSON.stringify(value);
  const list = Array.isArray(value) ? value.map(String) : null;
  switch (operator) {
    case "==":
    case "eq":
      return text === wanted;
    case "!=":
    case "ne":
      return text !== wanted;
    case "in":
      return need(list, operator).includes(text);
    case "not_in":
      return !need(list, operator).includes(text);
    case ">":
    case "gt":
      return order(actual, value) > 0;
    case "<":
    case "lt":
      return order(actual, value) < 0;
    case ">=":
    case "gte":
      return order(actual, value) >= 0;
    case "<=":
    case "lte":
      return order(actual, value) <= 0;
    case "is_not":
      return value === null;
    case "is":
      return false;
    case "like":
      return likePattern(wanted, "su").test(text);
    case "not_like":
      return !likePattern(wanted, "su").test(text);
    case "ilike":
      return likePattern(wanted, "sui").test(text);
    case "not_ilike":
      return !likePattern(wanted, "sui").test(text);
    case "starts_with":
      return text.startsWith(wanted);
    case "contains":
      return text.includes(wanted);
    case "@>":
      return contains(actual, parse(wanted));
    case "<@":
      return contains(parse(wanted), actual);
    default:
      // is_null, is_not_null and any pass validation there and crash; the rest is not for workers.
      throw new FilterError(`operator ${operator}`);
  }
}

function need(list: readonly string[] | null, operator: string): readonly string[] {
  if (list === null) throw new FilterError(`${operator} needs a list`);
  return list;
}

function order(actual: unknown, value: unknown): number {
  if (typeof value === "number") {
    if (!Number.isFinite(Number(actual))) throw new FilterError("the stored value is not numeric");
    return Number(actual) - value;
  }
  return String(actual) < String(value) ? -1 : Number(String(actual) > String(value));
}

/** SQL's LIKE: `%` any text, `_` any one character. */
function likePattern(pattern: string, flags: string): RegExp {
  const source = Array.from(pattern, (c) => (c === "%" ? ".*" : c === "_" ? "." : RegExp.escape(c))).join("");
  return new RegExp(`^${source}$`, flags);
}

/** PostgreSQL's jsonb containment: every member of `part` is in `whole`. */
function contains(whole: unknown, part: unknown): boolean {
  if (Array.isArray(part)) {
    return Array.isArray(whole) && part.every((item) => whole.some((candidate) => contains(candidate, item)));
  }
  if (typeof part === "object" && part !== null) {
    if (typeof whole !== "object" || whole === null || Array.isArray(whole)) return false;
    return Object.entries(part).every(([key, value]) =>
      contains((whole as Record<string, unknown>)[key], value),
    );
  }
  return whole === part;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new FilterError("the value is no JSON text", { cause });
  }
}

function valueAt(data: unknown, keys: readonly string[]): unknown {
  let value = data;
  for (const key of keys) value = (value as Record<string, unknown> | null | undefined)?.[key];
  return value;
}
