import type { Difference } from "../testing/differences.ts";
import type { Comparison } from "./compare-packages.ts";

/** Records by what became of them, as people and programs are told. */
export interface Counts {
  readonly added: number;
  readonly removed: number;
  readonly changed: number;
}

/** What many comparisons come to. */
export interface Totals extends Counts {
  readonly raws: number;
  readonly same: number;
  readonly differ: number;
  /** Median time of a run, milliseconds; 0 when there was none. The first run of a sandbox says little. */
  readonly runMs: { readonly old: number; readonly new: number };
}

export const WORDS = { unexpected: "added", missing: "removed", changed: "changed" } as const;

export function countsOf(found: readonly Difference[]): Counts {
  const counts = { added: 0, removed: 0, changed: 0 };
  for (const { kind } of found) counts[WORDS[kind]] += 1;
  return counts;
}

/** What is kept of a comparison. */
export interface Compared {
  readonly counts: Counts;
  readonly isSame: boolean;
  readonly oldMs: number;
  readonly newMs: number;
}

export function comparedOf({ differences, old, new: now }: Comparison): Compared {
  const isSame = differences.length === 0;
  return { counts: countsOf(differences), isSame, oldMs: old.runMs, newMs: now.runMs };
}

export function totalsOf(compared: readonly Compared[]): Totals {
  const sum = (word: keyof Counts): number => compared.reduce((all, { counts }) => all + counts[word], 0);
  const same = compared.filter(({ isSame }) => isSame).length;
  return {
    raws: compared.length,
    same,
    differ: compared.length - same,
    added: sum("added"),
    removed: sum("removed"),
    changed: sum("changed"),
    runMs: {
      old: median(compared.map(({ oldMs }) => oldMs)),
      new: median(compared.map(({ newMs }) => newMs)),
    },
  };
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}
