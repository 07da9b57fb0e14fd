import type { RawDataMeta } from "../domain/meta.ts";
import type { Task } from "../domain/task.ts";
import { retrying } from "../http/retrying.ts";
import type { LocalQueue } from "../intake/local-queue.ts";
import type { Mula, MulaTask, Popped } from "../intake/mula.ts";
import { Wakeup } from "./wakeup.ts";

/** The first look at a scheduler that was empty comes after so long, the later ones after more, milliseconds. */
const SHORTEST_WAIT_MS = 50;
const LONGEST_WAIT_MS = 250;
/** After a failure. */
const FIRST_FAILURE_WAIT_MS = 200;
const LONGEST_FAILURE_WAIT_MS = 5000;
const MOST_AT_ONCE = 100;
const RETRY = { attempts: 5, baseMs: 100, capMs: 2000 };

/** What a pump tells whoever watches it. */
export type IntakeEvent =
  | { readonly type: "popped"; readonly count: number; readonly fresh: number }
  | { readonly type: "malformed"; readonly taskId: string; readonly reason: string }
  | { readonly type: "pop-failed"; readonly error: unknown };

export interface IntakePumpOptions {
  readonly mula: Mula;
  readonly queue: LocalQueue;
  readonly normalizerIds: () => readonly string[];
  /** How many more tasks could be begun soon. */
  readonly room: () => number;
  /** So many were added. */
  readonly announce: (count: number) => void;
  /** Upper bound of the wait while the scheduler is empty, milliseconds. */
  readonly pollMs: number;
  readonly onEvent: (event: IntakeEvent) => void;
  readonly drain: AbortSignal;
  readonly stop: AbortSignal;
}

/**
 * Takes tasks from the scheduler, no more than can be begun soon, and writes them down at once: the scheduler
 * keeps no record of who popped what.
 */
export class IntakePump {
  readonly #options: IntakePumpOptions;
  readonly #room = new Wakeup();
  /** Why the last pop failed; null: it did not. */
  failure: unknown = null;

  constructor(options: IntakePumpOptions) {
    this.#options = options;
  }

  /** There is room again. */
  wake(): void {
    this.#room.wake();
  }

  /** @throws the database's error */
  async run(): Promise<void> {
    const { drain, room, pollMs } = this.#options;
    const longestMs = Math.min(LONGEST_WAIT_MS, pollMs);
    let idleMs = SHORTEST_WAIT_MS;
    while (!drain.aborted) {
      const wanted = Math.min(MOST_AT_ONCE, room());
      if (wanted <= 0) {
        await this.#room.wait(longestMs, drain);
        continue;
      }
      const popped = await this.#pop(wanted);
      if (popped === null) continue;
      const count = popped.tasks.length + popped.malformed.length;
      if (count === 0) {
        await pause(Math.min(idleMs, longestMs), drain);
        idleMs *= 2;
        continue;
      }
      idleMs = SHORTEST_WAIT_MS;
      await this.#accept(popped);
    }
  }

  /**
   * Null: it failed. Not ended by the drain: an answer that we do not read is tasks that were taken and that
   * nobody knows.
   */
  async #pop(limit: number): Promise<Popped | null> {
    const { mula, normalizerIds, drain, stop, onEvent } = this.#options;
    let failures = 0;
    try {
      const popped = await mula.pop(normalizerIds(), limit, stop);
      this.failure = null;
      return popped;
    } catch (error) {
      failures = this.#failures += 1;
      this.failure = error;
      onEvent({ type: "pop-failed", error });
    }
    const boundMs = Math.min(LONGEST_FAILURE_WAIT_MS, FIRST_FAILURE_WAIT_MS * 2 ** Math.min(failures, 10));
    await pause(boundMs / 2 + (Math.random() * boundMs) / 2, drain);
    return null;
  }

  #failures = 0;

  async #accept({ tasks, malformed }: Popped): Promise<void> {
    const { queue, announce, onEvent } = this.#options;
    this.#failures = 0;
    const fresh = await queue.enqueue(tasks.map(taskOf));
    announce(fresh);
    onEvent({ type: "popped", count: tasks.length, fresh });
    for (const { id, reason } of malformed) {
      onEvent({ type: "malformed", taskId: id, reason });
      await this.#tell(id, "failed");
    }
    if (fresh < tasks.length) await this.#tellAgain(tasks);
  }

  /** A task that is over and comes again was put back by mistake, or by a message that came late. */
  async #tellAgain(tasks: readonly MulaTask[]): Promise<void> {
    const states = await this.#options.queue.states(tasks.map(({ id }) => id));
    for (const [id, state] of states) {
      if (state === "succeeded") await this.#tell(id, "completed");
      if (state === "failed") await this.#tell(id, "failed");
    }
  }

  async #tell(id: string, status: "completed" | "failed"): Promise<void> {
    const { mula, stop, onEvent } = this.#options;
    try {
      await retrying(RETRY, stop, () => mula.setStatus(id, status, stop));
    } catch (error) {
      // Found again when what the scheduler says is compared with what we know.
      onEvent({ type: "pop-failed", error });
    }
  }
}

/** The task as the rest of Whiskers knows it. */
function taskOf(task: MulaTask): Task {
  const rawData: RawDataMeta = {
    id: task.rawId,
    boefje_meta: task.boefjeMeta,
    mime_types: task.mimeTypes.map((value) => ({ value })),
  };
  return { id: task.id, package: task.normalizer.id, raw: task.rawId, origin: "mula", rawData };
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Wakeup().wait(ms, signal);
}
