import { DOCKER_RUN } from "../src/bench/bench-table.ts";
import { isObject } from "../src/domain/unknown.ts";
import { rowKey } from "./row-key.ts";
import type { ResultFile } from "./save-result.ts";

/** A figure that differs by more than both measurements' own noise. */
export interface Change {
  /** `subprocess-bubblewrap-fork-python.runMs` */
  readonly place: string;
  readonly before: number;
  readonly now: number;
  readonly worse: boolean;
}

/** Rates and ratios of speed; of times and memory less is. */
const MORE_IS_BETTER = /PerSecond$|\.timesFaster\./u;
/** The same rate in other units. */
const REPEATED = /\.(?:objects|rawBytes)PerSecond$/u;
/** What every row is held against, measured in the same minutes: the machine moves both. */
const YARDSTICK = rowKey(DOCKER_RUN);

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
  const earlier = new Map(allFigures(before));
  const pairs = allFigures(now).flatMap(([place, figure]) => {
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
      worse: figure.p50 > old.p50 !== MORE_IS_BETTER.test(place),
    })),
  };
}

/**
 * What else differs between two results, a line each; nothing is said of what is the same. `now`: what has just been
 * measured has no file yet.
 */
export function surroundingsText(before: Surroundings, now: Surroundings): string {
  const lines = Object.entries(now.machine)
    .filter(([name, value]) => before.machine[name] !== value)
    .map(([name, value]) => `${name}: ${before.machine[name] ?? "not known"}, and now ${value}`);
  const [earlier, later] = [loadOf(before), loadOf(now)];
  if (earlier !== null && later !== null)
    lines.push(`load average at the end: ${digits(earlier)}, and now ${digits(later)}`);
  return lines.map((line) => `${line}\n`).join("");
}

type Surroundings = Pick<ResultFile, "machine" | "measurements">;

/** Of whatever was measured last. */
function loadOf({ measurements }: Surroundings): number | null {
  const loads = Object.values(measurements).map((one) => ("loadAverage" in one ? one.loadAverage : null));
  return loads.findLast((load) => typeof load === "number") ?? null;
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

type Placed = readonly (readonly [place: string, figure: Figure])[];

function allFigures(measurements: ResultFile["measurements"]): Placed {
  const figures = figuresIn(measurements, "").filter(([place]) => !REPEATED.test(place));
  const yardstick = new Map(figures).get(`${YARDSTICK}.runMs`);
  if (yardstick === undefined) return figures;
  const ratios = figures
    .filter(([place]) => place.endsWith(".runMs") && !place.startsWith(YARDSTICK))
    .map(([place, { p50, low, high, rounds }]) => {
      const ratio = { p50: yardstick.p50 / p50, low: yardstick.low / high, high: yardstick.high / low };
      return [place.replace(/runMs$/u, "timesFaster.thanDockerRun"), { ...ratio, rounds }] as const;
    });
  return [...figures, ...ratios];
}

function figuresIn(value: unknown, place: string): Placed {
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
