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
    low: Math.min(low, p50),
    high: Math.max(high, p50),
  };
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

/** @throws RangeError no values */
function quantile(sorted: readonly number[], share: number): number {
  const value = sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
  if (value === undefined) throw new RangeError("a distribution of no values");
  return value;
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
