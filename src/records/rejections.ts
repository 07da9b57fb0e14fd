import type { Rejection } from "../domain/record.ts";
import type { Problem } from "./problem.ts";

/** A person reads a few; a program the first thousand. The rest is counted. */
const MOST_KEPT = 1000;

/** What was refused, and why: bounded, whatever the output holds. */
export class Rejections {
  readonly #own: Rejection[] = [];
  readonly #consequences: Rejection[] = [];
  readonly #records = new Set<number>();
  #reported = 0;

  /** Nothing more is kept: hints need not be worked out. */
  get full(): boolean {
    return this.#own.length >= MOST_KEPT;
  }

  /** Records with at least one rejection. */
  get records(): number {
    return this.#records.size;
  }

  add(record: number, { path, reason }: Problem, objectType: string | null): void {
    this.#keep(this.#own, { record, path, reason, objectType });
  }

  /** A record that is refused only because another was. */
  addConsequence(record: number, { path, reason }: Problem, objectType: string | null): void {
    this.#keep(this.#consequences, { record, path, reason, objectType });
  }

  /** Causes first, then what follows from them, both in the order of the output. */
  kept(): readonly Rejection[] {
    const inOrder = (one: Rejection, other: Rejection): number => one.record - other.record;
    return [...this.#own.toSorted(inOrder), ...this.#consequences.toSorted(inOrder)].slice(0, MOST_KEPT);
  }

  /** How many there are beyond those that are kept. */
  get dropped(): number {
    return Math.max(0, this.#reported - MOST_KEPT);
  }

  #keep(list: Rejection[], rejection: Rejection): void {
    this.#reported += 1;
    this.#records.add(rejection.record);
    if (list.length < MOST_KEPT) list.push(rejection);
  }
}
