export interface Distribution {
  readonly count: number;
  /** Of one round nothing is known of how much rounds differ. */
  readonly rounds: number;
  readonly p50: number;
  readonly p99: number;
  /** Half the distance between the quartiles, relative to p50: how much of a difference is noise. */
  readonly spread: number;
  /** Where p50 lies if it is measured again in as many rounds, in 95 of 100 cases. */
  readonly low: number;
  readonly high: number;
}

/** As many as give the bounds of an interval two steady digits. */
const RESAMPLES = 200;
/** Of one round, at most: more make no difference to an interval that rounds decide. */
const RESAMPLED_VALUES = 40;
/** Of the normal distribution, and of Student's by degrees of freedom from one on: the quantile of 0.975. */
const NORMAL_QUANTILE = 1.96;
const STUDENT_QUANTILES = [12.71, 4.3, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26, 2.23] as const;

/**
 * Of values by rounds. The interval is bootstrapped, first over rounds and then over each round's values: a machine
 * that is slower for a minute moves all of one round alike.
 * @throws RangeError no values
 */
export function distributionOf(rounds: readonly (readonly number[])[]): Distribution {
  const measured = rounds.filter((round) => round.length > 0);
  const sorted = measured.flat().toSorted(ascending);
  const p50 = quantile(sorted, 0.5);
  const [low, high] = intervalOfMedian(measured);
  return {
    count: sorted.length,
    rounds: measured.length,
    p50,
    p99: quantile(sorted, 0.99),
    spread: p50 === 0 ? 0 : (quantile(sorted, 0.75) - quantile(sorted, 0.25)) / 2 / p50,
    low: widened(p50, Math.min(low, p50), measured.length),
    high: widened(p50, Math.max(high, p50), measured.length),
  };
}

/** By ratios: a time or a rate is never below 0. */
function widened(p50: number, bound: number, rounds: number): number {
  return p50 <= 0 ? bound : p50 * (bound / p50) ** wideningOf(rounds);
}

function intervalOfMedian(rounds: readonly (readonly number[])[]): readonly [number, number] {
  const random = randomNumbers();
  const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)] as T;
  const medians = Array.from({ length: RESAMPLES }, () => {
    const values = rounds.flatMap(() => {
      const round = pick(rounds);
      return Array.from({ length: Math.min(round.length, RESAMPLED_VALUES) }, () => pick(round));
    });
    return quantile(values.toSorted(ascending), 0.5);
  }).toSorted(ascending);
  return [quantile(medians, 0.025), quantile(medians, 0.975)];
}

/**
 * How much wider the interval is than few rounds, drawn again and again, say by themselves: they lie closer together
 * than all that there could be.
 */
function wideningOf(rounds: number): number {
  if (rounds < 2) return 1;
  const student = STUDENT_QUANTILES[rounds - 2] ?? NORMAL_QUANTILE;
  return (student / NORMAL_QUANTILE) * Math.sqrt(rounds / (rounds - 1));
}

/** Between two values, in proportion: of an even number the median lies in the middle of two. @throws RangeError no values */
function quantile(sorted: readonly number[], share: number): number {
  const place = share * (sorted.length - 1);
  const [below, above] = [sorted[Math.floor(place)], sorted[Math.ceil(place)]];
  if (below === undefined || above === undefined) throw new RangeError("a distribution of no values");
  return below + (above - below) * (place - Math.floor(place));
}

function ascending(a: number, b: number): number {
  return a - b;
}

/** The same each time, so that a result can be computed again: mulberry32. */
function randomNumbers(): () => number {
  let state = 0x9e37_79b9;
  return () => {
    state = (state + 0x6d2b_79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
