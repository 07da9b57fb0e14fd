import { randomUUID } from "node:crypto";

import { murmurHash3 } from "./murmur-hash.ts";

export const TASK_STATUSES = [
  "pending",
  "queued",
  "dispatched",
  "running",
  "completed",
  "failed",
  "cancelled",
] as const;
export type TaskStatus = (typeof TASK_STATUSES)[number];

/** A task as the scheduler answers it. Fields are OpenKAT's. */
export interface MulaTask {
  readonly id: string;
  readonly scheduler_id: string;
  readonly schedule_id: null;
  readonly organisation: string;
  priority: number | null;
  status: TaskStatus;
  readonly type: string;
  readonly hash: string;
  data: Readonly<Record<string, unknown>>;
  readonly created_at: string;
  modified_at: string;
}

/** The scheduler's tasks: what is queued comes out by priority, then by age. */
export class TaskStore {
  readonly #tasks = new Map<string, MulaTask>();
  readonly #queued = new Set<string>();
  /** What is queued, in the order in which it comes out, and some that are not any more. */
  #order: MulaTask[] = [];
  #isOrdered = true;
  readonly #queuedByHash = new Map<string, number>();
  #sequence = 0;

  get(id: string): MulaTask | undefined {
    return this.#tasks.get(id);
  }

  all(): readonly MulaTask[] {
    return [...this.#tasks.values()];
  }

  hasQueued(hash: string): boolean {
    return (this.#queuedByHash.get(hash) ?? 0) > 0;
  }

  /** As the scheduler does on push: both ids given and equal survive, else one new id is written to both. */
  push(item: {
    readonly id?: string;
    readonly organisation: string;
    readonly priority: number;
    readonly data: Readonly<Record<string, unknown>>;
  }): MulaTask {
    const id = item.id !== undefined && item.id === item.data["id"] ? item.id : randomUUID();
    const now = this.#now();
    const task: MulaTask = {
      id,
      scheduler_id: "normalizer",
      schedule_id: null,
      organisation: item.organisation,
      priority: item.priority,
      status: "queued",
      type: "normalizer",
      hash: hashOf(item.data),
      data: { ...item.data, id },
      created_at: now,
      modified_at: now,
    };
    this.#tasks.set(id, task);
    this.#setQueued(task, true);
    return task;
  }

  /**
   * Takes what is queued and matches. The answer holds the tasks as they were before: still `queued`,
   * with the old `modified_at`.
   */
  pop(limit: number | null, matches: (task: MulaTask) => boolean): readonly MulaTask[] {
    this.#bringIntoOrder();
    const found: MulaTask[] = [];
    for (const task of this.#order) {
      if (found.length >= (limit ?? Infinity)) break;
      if (this.#queued.has(task.id) && matches(task)) found.push(task);
    }
    const answer = found.map((task) => ({ ...task }));
    for (const task of found) {
      this.#setQueued(task, false);
      task.status = "dispatched";
      task.modified_at = this.#now();
    }
    return answer;
  }

  /** Overwrites fields; no transition is forbidden, and `modified_at` does not move. */
  patch(task: MulaTask, change: Partial<Pick<MulaTask, "status" | "priority" | "data">>): MulaTask {
    Object.assign(task, change);
    if (change.priority !== undefined) this.#isOrdered = false;
    this.#setQueued(task, task.status === "queued");
    return task;
  }

  get queuedCount(): number {
    return this.#queued.size;
  }

  #setQueued(task: MulaTask, queued: boolean): void {
    if (this.#queued.has(task.id) === queued) return;
    if (queued) {
      this.#queued.add(task.id);
      const last = this.#order.at(-1);
      this.#order.push(task);
      if (last !== undefined && compare(last, task) > 0) this.#isOrdered = false;
    } else this.#queued.delete(task.id);
    this.#queuedByHash.set(task.hash, (this.#queuedByHash.get(task.hash) ?? 0) + (queued ? 1 : -1));
  }

  /** Now and then, so that a pop costs what it takes and not what is there. */
  #bringIntoOrder(): void {
    if (this.#isOrdered && this.#order.length <= 2 * this.#queued.size + 100) return;
    this.#order = [...this.#queued].flatMap((id) => this.#tasks.get(id) ?? []).toSorted(compare);
    this.#isOrdered = true;
  }

  /** Times never repeat, so that order by age is order of arrival. */
  #now(): string {
    this.#sequence += 1;
    const micros = String(this.#sequence % 1000).padStart(3, "0");
    return new Date().toISOString().replace("Z", `${micros}Z`);
  }
}

function compare(a: MulaTask, b: MulaTask): number {
  return (a.priority ?? Infinity) - (b.priority ?? Infinity) || (a.created_at < b.created_at ? -1 : 1);
}

/** The key by which the scheduler tells equal tasks; the raw file is not part of it. */
export function hashOf(data: Readonly<Record<string, unknown>>): string {
  const { normalizer, raw_data } = data as {
    readonly normalizer: { readonly id: string };
    readonly raw_data: { readonly boefje_meta: { readonly id: string; readonly organization: string } };
  };
  return murmurHash3(`${normalizer.id}-${raw_data.boefje_meta.id}-${raw_data.boefje_meta.organization}`);
}
