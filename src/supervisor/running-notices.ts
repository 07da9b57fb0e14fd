import { WhiskersError } from "../errors.ts";
import { retrying } from "../http/retrying.ts";
import type { Mula } from "../intake/mula.ts";

const RETRY = { attempts: 3, baseMs: 100, capMs: 1000 };

/** A run that is over sooner was never seen running by anybody, and costs two requests less, milliseconds. */
const AFTER_MS = 100;
/** A run that begins after so long without another is told at once: requests are no burden then, milliseconds. */
const IDLE_MS = 500;

interface Notice {
  readonly timer: NodeJS.Timeout;
  /** Null: not begun yet. */
  readonly told: Promise<void> | null;
}

/**
 * Tells the scheduler that tasks are running: when they do for a while, or at once where little happens. Nobody waits
 * for it but the notice of a task's end: that one has to be the last.
 */
export class RunningNotices {
  readonly #mula: Pick<Mula, "status" | "setStatus">;
  readonly #stop: AbortSignal;
  readonly #notices = new Map<string, Notice>();
  #beganMs = -Infinity;

  constructor(mula: Pick<Mula, "status" | "setStatus">, stop: AbortSignal) {
    this.#mula = mula;
    this.#stop = stop;
  }

  /** `mayTell` is asked before each try: whoever lost the task says nothing of it. */
  begin(taskId: string, mayTell: () => boolean): void {
    const nowMs = performance.now();
    const isIdle = nowMs - this.#beganMs > IDLE_MS;
    this.#beganMs = nowMs;
    const timer = setTimeout(
      () => {
        const told = this.#tell(taskId, mayTell).finally(() => {
          if (this.#notices.get(taskId) === notice) this.#notices.delete(taskId);
        });
        const notice = { timer, told };
        this.#notices.set(taskId, notice);
      },
      isIdle ? 0 : AFTER_MS,
    );
    this.#notices.set(taskId, { timer, told: null });
  }

  /** The run is over: a notice that was not begun is not needed any more. */
  end(taskId: string): void {
    const notice = this.#notices.get(taskId);
    if (notice === undefined || notice.told !== null) return;
    clearTimeout(notice.timer);
    this.#notices.delete(taskId);
  }

  /** Resolves when nothing is under way about the task, and nothing will be. */
  async quiet(taskId: string): Promise<void> {
    this.end(taskId);
    await this.#notices.get(taskId)?.told;
  }

  async #tell(taskId: string, mayTell: () => boolean): Promise<void> {
    try {
      await retrying(RETRY, this.#stop, async () => {
        if (!mayTell()) return;
        // What somebody else has set meanwhile stays; a task that was begun before is shown as running already.
        if ((await this.#mula.status(taskId, this.#stop)) !== "dispatched" || !mayTell()) return;
        await this.#mula.setStatus(taskId, "running", this.#stop);
      });
    } catch (error) {
      // A nicety: how the task ends is what counts.
      if (!(error instanceof WhiskersError)) throw error;
    }
  }
}
