import type { Run } from "../../domain/run.ts";
import { type Difference, differences } from "../testing/differences.ts";
import { type Expectation, expectationOf } from "../testing/expectation.ts";

/** What the last successful run on each input gave. */
export class LastOutputs {
  readonly #byName = new Map<string, Expectation>();

  /** How the output of a run differs from that of the last one that succeeded; null: it is the first, or failed. */
  compare(name: string, run: Run): readonly Difference[] | null {
    if (run.outcome.status === "failed") return null;
    const now = expectationOf(run);
    const before = this.#byName.get(name);
    this.#byName.set(name, now);
    return before === undefined ? null : differences(before, now);
  }
}
