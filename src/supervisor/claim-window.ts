import type { Claim } from "../intake/local-queue.ts";

/** So many tasks of one package in a row, then the oldest: a busy package does not starve the others. */
const LONGEST_ROW = 32;

/**
 * Claims that wait for a slot. A slot gets a task of the package that it ran last when there is one,
 * for its warm sandbox is idle now; else the oldest.
 */
export class ClaimWindow {
  #claims: Claim[] = [];

  get size(): number {
    return this.#claims.length;
  }

  add(claims: readonly Claim[]): void {
    this.#claims.push(...claims);
  }

  /** Null: none is left. */
  pick(slot: SlotHistory): Claim | null {
    const same =
      slot.inARow < LONGEST_ROW ? this.#claims.findIndex((claim) => claim.package === slot.package) : -1;
    const [claim] = this.#claims.splice(Math.max(0, same), 1);
    if (claim === undefined) return null;
    slot.inARow = claim.package === slot.package ? slot.inARow + 1 : 1;
    slot.package = claim.package;
    return claim;
  }

  takeAll(): readonly Claim[] {
    return this.#claims.splice(0);
  }
}

/** What a slot ran last. */
export interface SlotHistory {
  package: string | null;
  inARow: number;
}
