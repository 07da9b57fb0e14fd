import type { Outcome } from "../../domain/outcome.ts";
import type { Run } from "../../domain/run.ts";
import { ERRORS, WhiskersError } from "../../errors.ts";
import type { Input } from "../../raw/input.ts";
import { type RunSetting, runInput } from "../run-input.ts";
import { type Difference, differences } from "../testing/differences.ts";
import { expectationOf } from "../testing/expectation.ts";
import type { RawSource } from "./raw-source.ts";

/** What two packages made of one raw file. */
export interface Comparison {
  readonly input: Input;
  readonly old: Side;
  readonly new: Side;
  /** `missing`: the old one gives it, the new one does not; `unexpected`: the other way round. */
  readonly differences: readonly Difference[];
}

interface Side {
  readonly outcome: Outcome;
  readonly objects: number;
  /** In the sandbox, without opening it, milliseconds. */
  readonly runMs: number;
}

/**
 * Runs two packages on the same raw files, one run after another, and compares what comes out.
 * @throws WhiskersError the platform's; what a normalizer does wrong is compared like everything else
 */
export async function* comparePackages(
  raws: RawSource,
  old: RunSetting,
  next: RunSetting,
  signal: AbortSignal,
): AsyncGenerator<Comparison> {
  for await (const input of raws.read()) {
    const before = await run(input, old, signal);
    const after = await run(input, next, signal);
    yield {
      input,
      old: sideOf(before),
      new: sideOf(after),
      differences: differences(expectationOf(before), expectationOf(after)),
    };
  }
}

/** Nothing is said of two packages by what failed around them. */
async function run(input: Input, setting: RunSetting, signal: AbortSignal): Promise<Run> {
  const done = await runInput(input, setting, signal);
  const { outcome } = done;
  if (outcome.status === "failed" && ERRORS[outcome.code].fault !== "normalizer") {
    throw new WhiskersError(outcome.code, outcome.message);
  }
  return done;
}

function sideOf({ outcome, records, record }: Run): Side {
  return {
    outcome,
    objects: records.objects.length,
    runMs: record.timingsMs.handOver + record.timingsMs.run,
  };
}
