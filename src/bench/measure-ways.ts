import { availableParallelism } from "node:os";

import { messageOf } from "../domain/unknown.ts";
import { type Distribution, distributionOf } from "./distribution.ts";
import { type Start, titleOf, type Way, type WayName } from "./way.ts";

/** In a round. Fewer where they take longer than the time that there is. */
const STARTS = 3;
/** Of ways of which one start or run takes longer than the time that there is. */
const ROUNDS_OF_SLOW = 2;
const MANY_SANDBOXES = 10;
/** What takes longer than this for one and ten sandboxes is measured once, milliseconds. */
const LONG_IDLE_MS = 3000;

/** Null: it cannot be told of this way. */
export interface BenchRow extends WayName {
  readonly version: string;
  /** From nothing until the first answer is there. */
  readonly startMs: Distribution | null;
  /** Until the guest is ready. */
  readonly readyMs: Distribution | null;
  /** One run after another. */
  readonly runMs: Distribution;
  /** As many at once as there are cores. */
  readonly runsPerSecond: Distribution;
  /** Proportional set size of one idle sandbox, and of ten, with everything that is there for them. */
  readonly idleBytes: Distribution | null;
  readonly idleBytesOfTen: Distribution | null;
}

/** A way that did not work when it was measured. */
export interface Failed {
  readonly row: string;
  readonly reason: string;
}

export interface MeasureOptions {
  /** Everything is measured once per round, in turn, so that a noisy minute hits all alike. */
  readonly rounds: number;
  /** For each figure of a row in a round, milliseconds. One that takes longer is measured once. */
  readonly budgetMs: number;
  /** No round begins that would be over later than that, but the first. Default: for ever. */
  readonly mostMs?: number | undefined;
  readonly signal: AbortSignal;
  /** So many measurements of so many are done; the next is of this row. */
  readonly onProgress: (done: number, total: number, row: string) => void;
}

/** Medians of every way, in interleaved rounds. */
export async function measureWays(
  ways: readonly Way[],
  options: MeasureOptions,
): Promise<{ readonly rows: readonly BenchRow[]; readonly failed: readonly Failed[] }> {
  const failed = new Map<Way, string>();
  const samples = new Map<Way, Samples>(ways.map((way) => [way, new Samples()]));
  const isTime = timeForRounds(options.mostMs);
  for (let round = 0; round < options.rounds && isTime(); round += 1) {
    for (const [number, way] of ways.entries()) {
      options.onProgress(round * ways.length + number, options.rounds * ways.length, titleOf(way.name));
      if (failed.has(way)) continue;
      try {
        await samples.get(way)?.measure(way, options);
      } catch (error) {
        // Minutes of measuring the others are not lost with it.
        options.signal.throwIfAborted();
        failed.set(way, messageOf(error));
      }
    }
  }
  options.onProgress(1, 1, "");
  const whole = ways.filter((way) => !failed.has(way));
  return {
    rows: whole.map((way) => (samples.get(way) ?? new Samples()).rowOf(way)),
    failed: [...failed].map(([{ name }, reason]) => ({ row: titleOf(name), reason })),
  };
}

/** Asked before each round: whether it will be over in time, if it takes as long as the one before it. */
export function timeForRounds(mostMs = Infinity): () => boolean {
  const startedMs = performance.now();
  let lastMs: number | null = null;
  return () => {
    const nowMs = performance.now();
    const roundMs = nowMs - (lastMs ?? nowMs);
    const isFirst = lastMs === null;
    lastMs = nowMs;
    return isFirst || nowMs - startedMs + roundMs <= mostMs;
  };
}

/** Of one way, by rounds. */
class Samples {
  readonly #answerMs: (readonly number[])[] = [];
  readonly #readyMs: (readonly number[])[] = [];
  readonly #runMs: (readonly number[])[] = [];
  readonly #perSecond: (readonly number[])[] = [];
  readonly #idleBytes: (readonly number[])[] = [];
  readonly #idleBytesOfTen: (readonly number[])[] = [];
  /** One start or run takes longer than the time that there is. */
  #slow = false;
  /** Memory hardly differs from round to round. */
  #idleSlow = false;

  async measure(way: Way, { budgetMs, signal }: MeasureOptions): Promise<void> {
    if (this.#slow && this.#runMs.length >= ROUNDS_OF_SLOW) return;
    if (way.start !== undefined) await this.#measureStarts(way.start, budgetMs, signal);
    const { ms } = await way.runs(budgetMs, 1, signal);
    this.#runMs.push(ms);
    this.#slow ||= Math.min(...ms) > budgetMs;
    const many = await way.runs(budgetMs, availableParallelism(), signal);
    this.#perSecond.push([many.ms.length / many.seconds]);
    if (way.idleBytes === undefined || this.#idleSlow) return;
    const startedMs = performance.now();
    this.#idleBytes.push([await way.idleBytes(1, signal)]);
    this.#idleBytesOfTen.push([await way.idleBytes(MANY_SANDBOXES, signal)]);
    this.#idleSlow = performance.now() - startedMs > LONG_IDLE_MS;
  }

  async #measureStarts(
    start: NonNullable<Way["start"]>,
    budgetMs: number,
    signal: AbortSignal,
  ): Promise<void> {
    // The first of all makes what is then kept: compiled code, images, snapshots.
    if (this.#answerMs.length === 0) await start(signal);
    const startedMs = performance.now();
    const starts: Start[] = [];
    do starts.push(await start(signal));
    while (starts.length < STARTS && performance.now() - startedMs < budgetMs);
    this.#answerMs.push(starts.map(({ answerMs }) => answerMs));
    this.#readyMs.push(starts.map(({ readyMs }) => readyMs));
    this.#slow ||= Math.min(...this.#answerMs.flat()) > budgetMs;
  }

  rowOf({ name, version, start }: Way): BenchRow {
    // A guest that is a thread of ours has no process whose memory is its own.
    const orNull = (rounds: readonly (readonly number[])[]): Distribution | null =>
      rounds.flat().some((value) => value > 0) ? distributionOf(rounds) : null;
    const runMs = distributionOf(this.#runMs);
    return {
      ...name,
      version,
      startMs: start === undefined && isStart(name) ? runMs : orNull(this.#answerMs),
      readyMs: orNull(this.#readyMs),
      runMs,
      runsPerSecond: distributionOf(this.#perSecond),
      idleBytes: orNull(this.#idleBytes),
      idleBytesOfTen: orNull(this.#idleBytesOfTen),
    };
  }
}

/** Every run begins with nothing. */
function isStart({ how }: WayName): boolean {
  return how === "fresh" || how === "per run" || how === "bare";
}
