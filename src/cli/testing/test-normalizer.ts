import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";

import type { NormalizerMeta, RawDataMeta } from "../../domain/meta.ts";
import type { Outcome } from "../../domain/outcome.ts";
import type { Package, StatePolicy } from "../../domain/package.ts";
import type { Run } from "../../domain/run.ts";
import { ERRORS } from "../../errors.ts";
import { differences } from "./differences.ts";
import type { Difference } from "./differences.ts";
import { expectationOf, writeExpectation } from "./expectation.ts";
import { hostileRaws } from "./hostile-raws.ts";
import type { HostileRaw } from "./hostile-raws.ts";
import { readCases } from "./read-cases.ts";
import type { Case } from "./read-cases.ts";

export interface TestResult {
  readonly kind: "case" | "property";
  readonly name: string;
  /** Null: passed. */
  readonly failure: string | null;
  readonly differences: readonly Difference[];
  /** `--update` has written what came out. */
  readonly updated: boolean;
  readonly ms: number;
}

export interface TestOptions {
  readonly update: boolean;
  readonly properties: boolean;
  /** A folder for raw files that are made. */
  readonly scratch: string;
}

/** Runs the package once. `fresh` asks for a sandbox that nothing was run in before. */
export type RunRaw = (
  file: string,
  meta: NormalizerMeta | RawDataMeta | undefined,
  state?: StatePolicy,
) => Promise<Run>;

/** Every case of a normalizer's folder, then what every normalizer has to keep, one after another. */
export async function* testNormalizer(
  folder: string,
  pkg: Package,
  run: RunRaw,
  options: TestOptions,
): AsyncGenerator<TestResult> {
  const cases = await readCases(folder);
  for (const each of cases) yield timed("case", each.name, () => testCase(each, run, options.update));
  if (!options.properties) return;
  const [sample] = cases;
  yield* testProperties(sample, pkg, run, options.scratch);
}

type Verdict = Partial<Pick<TestResult, "failure" | "differences" | "updated">>;

async function testCase(
  { rawFile, meta, expected, expectedFile }: Case,
  run: RunRaw,
  update: boolean,
): Promise<Verdict> {
  const done = await run(rawFile, meta);
  const actual = expectationOf(done);
  const found = expected === null ? null : differences(expected, actual);
  if (found?.length === 0) return {};
  if (update && mayBeExpected(done.outcome)) {
    await writeFile(expectedFile, writeExpectation(actual));
    return { updated: true };
  }
  if (found === null) return { failure: `there is no ${expectedFile} yet: --update writes what came out` };
  return { failure: `the output is not that of ${expectedFile}`, differences: found };
}

/** That a normalizer refuses a raw file can be right; that the platform failed, or a limit was hit, cannot. */
function mayBeExpected(outcome: Outcome): boolean {
  return outcome.status === "succeeded" || outcome.code === "normalizer-raised";
}

async function* testProperties(
  sample: Case | undefined,
  pkg: Package,
  run: RunRaw,
  scratch: string,
): AsyncGenerator<TestResult> {
  const content = sample === undefined ? Buffer.alloc(0) : await readFile(sample.rawFile);
  for (const hostile of hostileRaws(content)) {
    yield timed("property", `raw file: ${hostile.name}`, async () => {
      const file = path.join(scratch, "raw");
      await writeFile(file, hostile.content);
      return { failure: judge(await run(file, sample?.meta), hostile, pkg) };
    });
  }
  if (sample === undefined) return;
  yield timed("property", "the same input gives the same output", async () => {
    const [first, second] = [
      await run(sample.rawFile, sample.meta, "fresh"),
      await run(sample.rawFile, sample.meta, "fresh"),
    ];
    return same(first, second, "two runs in new sandboxes differ");
  });
  yield timed("property", "nothing is left from run to run", async () => {
    const alone = await run(sample.rawFile, sample.meta, "fresh");
    await run(sample.rawFile, sample.meta);
    const file = path.join(scratch, "raw");
    await writeFile(file, content.subarray(0, Math.floor(content.length / 2)));
    await run(file, sample.meta);
    return same(alone, await run(sample.rawFile, sample.meta), "a run after others differs from one alone");
  });
}

/** Null: it came to an end, and what it gave, if anything, was valid. */
function judge({ outcome, records }: Run, { isLarge }: HostileRaw, { manifest }: Package): string | null {
  if (outcome.status === "succeeded") {
    const wrong = manifest.onInvalid === "fail" && records.recordsRejected > 0;
    return wrong ? `${records.recordsRejected} records were invalid` : null;
  }
  if (outcome.code === "normalizer-raised") return null;
  if (isLarge === true && (outcome.code === "memory-limit" || outcome.code === "output-limit")) return null;
  return `${outcome.code}: ${outcome.message}. ${ERRORS[outcome.code].remedy}`;
}

function same(one: Run, other: Run, what: string): Verdict {
  const found = differences(expectationOf(one), expectationOf(other));
  if (found.length > 0) return { failure: what, differences: found };
  const isOrdered = one.outcome.status === "failed" || one.record.outputSha256 === other.record.outputSha256;
  return isOrdered ? {} : { failure: `${what}: the same records in another order` };
}

async function timed(
  kind: TestResult["kind"],
  name: string,
  test: () => Promise<Verdict>,
): Promise<TestResult> {
  const startedMs = performance.now();
  const verdict = await test();
  const ms = performance.now() - startedMs;
  return { kind, name, failure: null, differences: [], updated: false, ...verdict, ms };
}
