export interface Distribution {
  readonly count: number;
  readonly p50: number;
  readonly p99: number;
  /** Half the distance between the quartiles, relative to p50: how much of a difference is noise. */
  readonly spread: number;
}

/** @throws RangeError no values */
export function distributionOf(values: readonly number[]): Distribution {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number): number => {
    const value = sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
    if (value === undefined) throw new RangeError("a distribution of no values");
    return value;
  };
  const p50 = at(0.5);
  return {
    count: sorted.length,
    p50,
    p99: at(0.99),
    spread: p50 === 0 ? 0 : (at(0.75) - at(0.25)) / 2 / p50,
  };
}
