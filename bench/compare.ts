import { isObject } from "../src/domain/unknown.ts";
import type { ResultFile } from "./save-result.ts";

/** A figure that differs by more than both measurements' own noise. */
export interface Change {
  /** `subprocess-bubblewrap-fork-python.runMs` */
  readonly place: string;
  readonly before: number;
  readonly now: number;
  readonly worse: boolean;
}

interface Figure {
  readonly p50: number;
  readonly low: number;
  readonly high: number;
  readonly rounds: number;
}

/**
 * What moved between two results: medians whose intervals (src/bench/distribution.ts) have nothing in common. What was
 * measured in one round only is not compared, for nothing is known of its noise.
 * @param now measurements by name, as in a result file
 */
export function compareResults(
  before: ResultFile["measurements"],
  now: ResultFile["measurements"],
): { readonly compared: number; readonly changes: readonly Change[] } {
  const earlier = new Map(figuresIn(before, ""));
  const pairs = figuresIn(now, "").flatMap(([place, figure]) => {
    const old = earlier.get(place);
    return old === undefined || old.rounds < 2 || figure.rounds < 2 ? [] : [{ place, old, figure }];
  });
  const moved = pairs.filter(({ old, figure }) => figure.low > old.high || figure.high < old.low);
  return {
    compared: pairs.length,
    changes: moved.map(({ place, old, figure }) => ({
      place,
      before: old.p50,
      now: figure.p50,
      worse: figure.p50 > old.p50 !== place.endsWith("PerSecond"),
    })),
  };
}

/** For people, the worst first. */
export function compareText({ compared, changes }: ReturnType<typeof compareResults>): string {
  const factor = ({ before, now }: Change): number => Math.max(before / now, now / before);
  const lines = changes
    .toSorted((a, b) => Number(b.worse) - Number(a.worse) || factor(b) - factor(a))
    .map(
      (change) =>
        `${change.worse ? "worse " : "better"} ${change.place}: ${digits(change.before)} to ${digits(change.now)} (${(change.now / change.before).toFixed(2)} times)`,
    );
  return [`${changes.length} of ${compared} figures moved beyond their noise`, ...lines, ""].join("\n");
}

function figuresIn(value: unknown, place: string): readonly (readonly [string, Figure])[] {
  if (!isObject(value)) return [];
  const { p50, low, high, rounds } = value;
  if (typeof p50 === "number" && typeof low === "number" && typeof high === "number")
    return [[place, { p50, low, high, rounds: Number(rounds ?? 1) }]];
  return Object.entries(value).flatMap(([key, inner]) =>
    figuresIn(inner, place === "" ? key : `${place}.${key}`),
  );
}

function digits(value: number): string {
  return String(Number(value.toPrecision(3)));
}
