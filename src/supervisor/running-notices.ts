import { WhiskersError } from "../errors.ts";
import { retrying } from "../http/retrying.ts";
import type { Mula } from "../intake/mula.ts";

const RETRY = { attempts: 3, baseMs: 100, capMs: 1000 };

/**
 * Tells the scheduler that tasks are running, while they do. Nobody waits for it but the notice of a task's
 * end: that one has to be the last.
 */
export class RunningNotices {
  readonly #mula: Mula;
  readonly #stop: AbortSignal;
  readonly #underWay = new Map<string, Promise<void>>();

  constructor(mula: Mula, stop: AbortSignal) {
    this.#mula = mula;
    this.#stop = stop;
  }

  /** `mayTell` is asked before each try: whoever lost the task says nothing of it. */
  begin(taskId: string, mayTell: () => boolean): void {
    const notice = this.#tell(taskId, mayTell).finally(() => {
      if (this.#underWay.get(taskId) === notice) this.#underWay.delete(taskId);
    });
    this.#underWay.set(taskId, notice);
  }

  /** Resolves when nothing is under way about the task. */
  async quiet(taskId: string): Promise<void> {
    await this.#underWay.get(taskId);
  }

  async #tell(taskId: string, mayTell: () => boolean): Promise<void> {
    try {
      await retrying(RETRY, this.#stop, async () => {
        if (mayTell()) await this.#mula.setStatus(taskId, "running", this.#stop);
      });
    } catch (error) {
      // A nicety: how the task ends is what counts.
      if (!(error instanceof WhiskersError)) throw error;
    }
  }
}
