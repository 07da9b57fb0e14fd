import { randomUUID } from "node:crypto";
import { readdir } from "node:fs/promises";
import { join } from "node:path";

import type { ErrorCode } from "../../errors.ts";
import type { Package } from "../../domain/package.ts";
import type { Task } from "../../domain/task.ts";
import type { Catalogue } from "../../packages/catalogue.ts";
import type { Input } from "../../raw/input.ts";
import { openInputs } from "../../raw/open-inputs.ts";
import { selectInputs } from "../../raw/select-inputs.ts";

/** How each of the normalizers that misbehave on purpose has to end. */
const MISBEHAVING: Readonly<Record<string, ErrorCode>> = {
  crashes: "normalizer-crashed",
  hoards: "memory-limit",
  invalid: "invalid-output",
  loops: "time-limit",
  raises: "normalizer-raised",
};

/** Larger raws are taken once by each normalizer: they show that size is no trouble, and would be all that one sees. */
const LARGE_BYTES = 256 * 1024;

/** One normalizer on one raw file. */
export interface Pair {
  readonly folder: string;
  readonly pkg: Package;
  readonly input: Input;
}

export interface PlannedTask extends Pair {
  readonly task: Task;
  /** What it has to end with; null: it has to succeed. */
  readonly expected: ErrorCode | null;
}

/** Every normalizer of `examples/` with every example raw file that it consumes, and those that misbehave. */
export async function findPairs(
  examples: string,
  catalogue: Catalogue,
  signal: AbortSignal,
): Promise<{ readonly good: readonly Pair[]; readonly bad: readonly Pair[] }> {
  const folders = await foldersIn(join(examples, "raws"));
  // Whatever stands in a folder lies where it is: there is nothing to put away.
  const inputs = await openInputs(folders, signal);
  await inputs[Symbol.asyncDispose]();
  const good: Pair[] = [];
  for (const folder of await foldersIn(join(examples, "normalizers"))) {
    const pkg = await catalogue.open(folder);
    const chosen = selectInputs(inputs, pkg.manifest.consumes);
    for (const input of chosen.inputs) good.push({ folder, pkg, input });
  }
  const [first] = inputs.inputs;
  const bad: Pair[] = [];
  for (const name of Object.keys(MISBEHAVING)) {
    const folder = join(examples, "misbehaving", name);
    if (first !== undefined) bad.push({ folder, pkg: await catalogue.open(folder), input: first });
  }
  return { good, bad };
}

/** `count` tasks: each bad pair once, among the first, and the good ones again and again. */
export function planTasks(
  good: readonly Pair[],
  bad: readonly Pair[],
  count: number,
): readonly PlannedTask[] {
  const large = good.filter(({ input }) => input.raw.sizeBytes > LARGE_BYTES);
  const small = good.filter(({ input }) => input.raw.sizeBytes <= LARGE_BYTES);
  const once = [...bad, ...large];
  const pairs: Pair[] = [];
  let rest = once;
  for (let index = 0; pairs.length < count && small.length > 0; index += 1) {
    const [next, ...later] = rest;
    // Every sixth, from the start: the longest of them ends long before the last task.
    if (next !== undefined && (index % 6 === 5 || count - pairs.length <= rest.length)) {
      pairs.push(next);
      rest = later;
    } else {
      pairs.push(small[index % small.length] as Pair);
    }
  }
  // The queue hands out tasks of one moment in the order of their ids.
  const ids = pairs.map(() => randomUUID()).toSorted();
  return pairs.map((pair, index) => ({
    ...pair,
    task: { id: ids[index] ?? randomUUID(), package: pair.folder, raw: pair.input.name },
    expected: bad.includes(pair) ? expectedOf(pair) : null,
  }));
}

function expectedOf({ folder }: Pair): ErrorCode | null {
  return MISBEHAVING[folder.slice(folder.lastIndexOf("/") + 1)] ?? null;
}

async function foldersIn(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  return entries
    .filter((entry) => entry.isDirectory() && !entry.name.startsWith("."))
    .map(({ name }) => join(folder, name))
    .toSorted();
}
