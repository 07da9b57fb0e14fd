/** What an object is made of, apart from its class: keys are field names. */
type Values = Record<string, unknown>;

/**
 * Lays a later variant of the same object over an earlier one: a value that is not null wins over null, and a
 * later one over an earlier one. OpenKAT itself would let the last variant win completely, nulls included.
 */
export function mergeInto(earlier: Values, later: Readonly<Values>): void {
  for (const [field, value] of Object.entries(later)) {
    if (value !== null) earlier[field] = value;
  }
}
