/** An object as the graph keeps it: nulls are not stored. */
export type StoredObject = Readonly<Record<string, unknown>>;

export type OriginType = "observation" | "declaration" | "affirmation";

export interface Origin {
  readonly origin_type: OriginType;
  readonly method: string;
  readonly source: string;
  readonly source_method: string | null;
  readonly result: readonly string[];
  readonly task_id: string;
}

export interface ScanProfileWrite {
  readonly scan_profile_type: string;
  readonly reference: string;
  readonly level: number;
  readonly user_id: number | null;
}

/**
 * One organisation's objects and origins, at the newest time only: a write at an earlier `valid_time` is
 * treated as if it were now (the real graph is bitemporal; a normalizer runner never reads the past).
 */
export class ObjectGraph {
  readonly objects = new Map<string, StoredObject>();
  readonly origins = new Map<string, Origin>();
  readonly scanProfiles = new Map<string, ScanProfileWrite>();
  /** Which origins yield an object; affirmations do not keep one alive. */
  readonly #yieldedBy = new Map<string, Set<string>>();

  /** An object that is there without a normalizer having yielded it, as a user's own. */
  declare(key: string, object: StoredObject): void {
    this.write(
      { origin_type: "declaration", method: "manual", source: key, source_method: null, task_id: "" },
      [[key, object]],
    );
  }

  /**
   * Writes an origin and its result. The same identity replaces the earlier result: what is no longer
   * in it, and that nothing else yields, is deleted. An empty result deletes the origin.
   */
  write(
    origin: Omit<Origin, "result">,
    results: readonly (readonly [key: string, object: StoredObject])[],
  ): void {
    const identity = identityOf(origin);
    const before = this.origins.get(identity)?.result ?? [];
    const kept = new Set(results.map(([key]) => key));
    const result = [...kept];
    // Variants of one new object in one write are not merged: the last one wins completely.
    const isNew = new Set(result.filter((key) => !this.objects.has(key)));
    for (const [key, object] of results) {
      const clean = Object.fromEntries(Object.entries(object).filter(([, value]) => value !== null));
      this.objects.set(key, isNew.has(key) ? clean : { ...this.objects.get(key), ...clean });
    }
    for (const key of result) this.#yielders(key).add(identity);
    if (result.length === 0) this.origins.delete(identity);
    else this.origins.set(identity, { ...origin, result });
    for (const key of before) if (!kept.has(key)) this.#release(key, identity);
  }

  /** An affirmation of an unknown object is dropped; of one that nothing else yields, deletes it. */
  affirm(origin: Omit<Origin, "result">, key: string, object: StoredObject): void {
    const known = this.objects.get(key);
    if (known === undefined) return;
    if (this.#yielders(key).size === 0) {
      this.objects.delete(key);
      return;
    }
    const clean = Object.fromEntries(Object.entries(object).filter(([, value]) => value !== null));
    this.objects.set(key, { ...known, ...clean });
    this.origins.set(identityOf(origin), { ...origin, result: [key] });
  }

  #yielders(key: string): Set<string> {
    const known = this.#yieldedBy.get(key);
    if (known !== undefined) return known;
    const made = new Set<string>();
    this.#yieldedBy.set(key, made);
    return made;
  }

  #release(key: string, identity: string): void {
    const yielders = this.#yielders(key);
    yielders.delete(identity);
    if (yielders.size === 0) this.objects.delete(key);
  }
}

function identityOf(origin: Omit<Origin, "result">): string {
  const parts = ["Origin", origin.origin_type, origin.method, origin.source_method, origin.source];
  return parts.filter((part) => part !== null).join("|");
}
