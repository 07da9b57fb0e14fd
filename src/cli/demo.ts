import { mkdtemp, rm } from "node:fs/promises";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";

import { openDatabase } from "../db/open-database.ts";
import { isPlain } from "../domain/package.ts";
import type { Manifest } from "../domain/package.ts";
import type { Task } from "../domain/task.ts";
import { ERRORS, WhiskersError } from "../errors.ts";
import { openLocalQueue } from "../intake/local-queue.ts";
import { normalizerMeta } from "../raw/normalizer-meta.ts";
import { runTask } from "../run-task.ts";
import type { Fetched, Stages } from "../run-task.ts";
import type { RunOptions } from "../sandbox/sandboxes.ts";
import type { SupervisorEvent } from "../supervisor/events.ts";
import { supervise } from "../supervisor/supervise.ts";
import { flag, textOption } from "./arguments.ts";
import type { Arguments, Command, Context } from "./command.ts";
import { findPairs, planTasks } from "./demo/plan.ts";
import type { Pair, PlannedTask } from "./demo/plan.ts";
import { showSummary } from "./demo/show-summary.ts";
import { type Found, finishedTask, foundIn, summarise } from "./demo/summary.ts";
import type { DemoSummary, FinishedTask, LeftOut } from "./demo/summary.ts";
import { openStages } from "./open-stages.ts";
import { progressBar } from "./progress-bar.ts";
import { printable } from "./terminal/printable.ts";
import { warn } from "./warn.ts";

const ROOT = join(import.meta.dirname, "../..");
const DEFAULT_TASKS = 300;
const FEWEST_TASKS = 20;
const MOST_TASKS = 10_000;
/** How often a task may be begun: enough for a trouble of this machine that passes. */
const MAX_STARTS = 3;
const POLL_MS = 50;
/** One task loops and one hoards: with a single slot everybody else would wait for them. */
const SLOTS = Math.max(2, availableParallelism());

export const command: Command = {
  help: `whiskers demo [--tasks N] [--json] [--keep]

Works a few hundred real tasks through the sandbox: example normalizers in Python, TypeScript and shell on
example raw files, from an embedded queue. Five tasks misbehave on purpose: one crashes, one raises an error,
one loops for ever, one eats memory, one gives objects that do not fit; the others do not notice.

  --tasks N   how many, ${FEWEST_TASKS} to ${MOST_TASKS}; default ${DEFAULT_TASKS}
  --json      one JSON document
  --keep      keep the queue, the run records and the outputs, and say where

Exit code 0 when every task ended as it should, else 1.
`,
  options: { tasks: { type: "string" }, json: { type: "boolean" }, keep: { type: "boolean" } },
  positionals: [0, 0],
  async run(args, context) {
    const count = readCount(args);
    const home = await mkdtemp(join(tmpdir(), "whiskers-demo-"));
    const keep = flag(args, "keep");
    let summary: DemoSummary;
    try {
      summary = await demo(home, count, keep, context);
    } finally {
      if (!keep) await rm(home, { recursive: true, force: true });
    }
    await context.out(
      flag(args, "json")
        ? `${JSON.stringify(summary, null, 2)}\n`
        : showSummary(summary, ROOT, context.outTerminal),
    );
    return summary.unexpected.length === 0 ? 0 : 1;
  },
};

async function demo(home: string, count: number, keep: boolean, context: Context): Promise<DemoSummary> {
  const { signal } = context;
  const planned = new Map<string, PlannedTask>();
  const settings = { ...context.settings(), home };
  const options: RunOptions = {
    runtime: settings.runtime,
    runtimes: settings.runtimes,
    state: settings.state,
  };
  await using stages = openStages(
    settings,
    (task, manifest) => fetchPlanned(task, manifest, planned),
    {},
    { warn: warn(context) },
  );
  const { good, bad } = await findPairs(join(ROOT, "examples"), stages.catalogue, signal);
  if (context.errTerminal.isTty)
    context.err("Setting up: an embedded queue, and a sandbox for each normalizer …\n");
  // Opening the database keeps one processor busy for seconds; starting guests goes on beside it.
  const trying = tryNormalizers([...good, ...bad], planned, stages, options, signal);
  trying.catch(() => {});
  await using database = disposable(await openDatabase({ url: null, home }));
  await using queue = disposable(await openLocalQueue(database.value, { onError: () => {} }));
  const { able, leftOut } = await trying;
  const tasks = planTasks(
    good.filter(({ folder }) => able.has(folder)),
    bad.filter(({ folder }) => able.has(folder)),
    count,
  );
  for (const each of tasks) planned.set(each.task.id, each);
  await queue.value.enqueue(tasks.map(({ task }) => task));

  const finished: FinishedTask[] = [];
  const found = new Map<string, Found>();
  const watch = watcher(planned, finished, found, context);
  const startedMs = performance.now();
  try {
    await supervise({
      queue: queue.value,
      run: async (task, runSignal) => {
        const run = await runTask(task, stages, options, runSignal);
        found.set(task.id, foundIn(run));
        return run;
      },
      slots: SLOTS,
      whenEmpty: "return",
      pollMs: POLL_MS,
      maxStarts: MAX_STARTS,
      onEvent: (event) => {
        watch.onEvent(event);
      },
      drain: signal,
      stop: signal,
    });
  } finally {
    watch.end();
  }
  const workMs = performance.now() - startedMs;
  const probes = await stages.sandboxes.probe();
  return summarise(tasks, finished, { leftOut, workMs, probes, root: ROOT, home: keep ? home : null });
}

/**
 * Which normalizers can run here: each is run once, before the clock starts. A task never fails for what the
 * machine lacks; the summary says what was left out, and why.
 */
async function tryNormalizers(
  pairs: readonly Pair[],
  planned: Map<string, PlannedTask>,
  stages: Stages,
  options: RunOptions,
  signal: AbortSignal,
): Promise<{ readonly able: ReadonlySet<string>; readonly leftOut: readonly LeftOut[] }> {
  const firstOfEach = new Map(pairs.toReversed().map((pair) => [pair.folder, pair]));
  const waiting = [...firstOfEach.values()].toReversed();
  const able = new Set<string>();
  const leftOut: LeftOut[] = [];
  const tryRest = async (): Promise<void> => {
    for (let pair = waiting.shift(); pair !== undefined; pair = waiting.shift()) {
      const reason = await reasonToLeaveOut(pair, planned, stages, options, signal);
      if (reason === null) able.add(pair.folder);
      else leftOut.push({ normalizer: pair.pkg.manifest.id, reason });
    }
  };
  await Promise.all(Array.from({ length: SLOTS }, tryRest));
  return { able, leftOut };
}

async function reasonToLeaveOut(
  pair: Pair,
  planned: Map<string, PlannedTask>,
  stages: Stages,
  options: RunOptions,
  signal: AbortSignal,
): Promise<string | null> {
  try {
    if (!isPlain(pair.pkg.manifest.guest)) {
      await stages.sandboxes.warm(pair.pkg, options, 1, signal);
      return null;
    }
    // A script may call what is not here: only a run tells.
    const [trial] = planTasks([pair], [], 1);
    if (trial === undefined) return null;
    planned.set(trial.task.id, trial);
    const { outcome, logs } = await runTask(trial.task, stages, options, signal);
    planned.delete(trial.task.id);
    if (outcome.status === "succeeded") return null;
    return logs.find(({ message }) => message.includes("not found"))?.message ?? null;
  } catch (error) {
    if (!(error instanceof WhiskersError) || error.code !== "environment-missing") throw error;
    return error.message;
  }
}

function fetchPlanned(
  task: Task,
  manifest: Manifest,
  planned: ReadonlyMap<string, PlannedTask>,
): Promise<Fetched> {
  const input = planned.get(task.id)?.input;
  if (input === undefined) return Promise.reject(new Error(`no input for task ${task.id}`));
  return Promise.resolve({ raw: input.raw, meta: { ...normalizerMeta(input, manifest), id: task.id } });
}

function watcher(
  planned: ReadonlyMap<string, PlannedTask>,
  finished: FinishedTask[],
  found: ReadonlyMap<string, Found>,
  context: Context,
): { onEvent(event: SupervisorEvent): void; end(): void } {
  const { errTerminal, err } = context;
  const bar = progressBar(planned.size, errTerminal, err);
  let failed = 0;
  const startedMs = performance.now();
  return {
    onEvent(event) {
      if (event.type !== "finished" || event.retryAfterSeconds !== null) return;
      const task = planned.get(event.task.id);
      if (task === undefined) return;
      const { outcome, run } = event;
      finished.push(finishedTask(task, outcome, run?.record ?? null, found.get(task.task.id)));
      if (outcome.status === "failed") {
        failed += 1;
        const { fault } = ERRORS[outcome.code];
        const said = `${task.pkg.manifest.id}: ${outcome.code} (${fault}): ${outcome.message}`;
        if (errTerminal.isTty) bar.print(errTerminal.paint("yellow", printable(said)));
      }
      const perSecond = finished.length / ((performance.now() - startedMs) / 1000);
      bar.advance(finished.length, `${perSecond.toFixed(0)} runs/s  ${failed} failed`);
    },
    end() {
      bar.end();
    },
  };
}

function readCount(args: Arguments): number {
  const text = textOption(args, "tasks");
  const count = text === undefined ? DEFAULT_TASKS : Number(text);
  if (Number.isInteger(count) && count >= FEWEST_TASKS && count <= MOST_TASKS) return count;
  const expected = `a whole number from ${FEWEST_TASKS} to ${MOST_TASKS}`;
  throw new WhiskersError("usage", `--tasks is ${JSON.stringify(text)}: expected ${expected}`);
}

function disposable<T extends { close(): Promise<void> }>(value: T): AsyncDisposable & { readonly value: T } {
  return { value, [Symbol.asyncDispose]: () => value.close() };
}
