import path from "node:path";

import { ERRORS, WhiskersError } from "../../errors.ts";
import { isDraft } from "../../packages/build/wasm/sources.ts";
import { isImageReference } from "../../packages/open-reference.ts";
import { type OpenInputs, openInputs } from "../../raw/open-inputs.ts";
import type { MetaOverrides } from "../../raw/normalizer-meta.ts";
import type { RunOptions } from "../../sandbox/sandboxes.ts";
import { chooseInputs } from "../choose-inputs.ts";
import type { Context } from "../command.ts";
import { errorDocument } from "../complain.ts";
import { HtmlReport } from "../report/html/html-report.ts";
import { openStages } from "../open-stages.ts";
import { runInput } from "../run-input.ts";
import { LatePackages } from "./late-packages.ts";
import { type Change, watchFiles } from "./watch-files.ts";
import type { WatchReport } from "./watch-report.ts";
import { warn } from "../warn.ts";

export interface WatchSetting {
  /** A folder or file. */
  readonly reference: string;
  readonly paths: readonly string[];
  readonly all: boolean;
  /** File of an HTML page, which each save writes anew; null: none. */
  readonly page: string | null;
  readonly options: RunOptions;
  /** Makes what is missing of the package before it is opened. Returns the file that it wrote. */
  readonly compile: ((folder: string) => Promise<string | null>) | undefined;
  readonly overrides: MetaOverrides;
}

/** Nobody comes back to a sandbox of three saves ago; the one that waits may wait as long as a person thinks. */
const POOL = { maxIdle: 3, idleMs: 24 * 3_600_000 } as const;

/**
 * Runs a package on its inputs, and again whenever any of their files is saved, until the context's signal aborts. A save
 * ends a run that is under way. What is wrong with package or inputs is shown, and may be put right.
 * @throws WhiskersError `usage`; and whatever keeps the first run from being tried but a package or an input
 */
export async function watchRuns(
  setting: WatchSetting,
  context: Context,
  report: WatchReport,
): Promise<number> {
  checkWatchable(setting);
  const settings = context.settings();
  const { signal } = context;
  const eachBringsIts = (): Promise<never> => Promise.reject(new Error("each run brings its own"));
  const compiled = new CompiledFiles(setting.compile);
  const telling = { warn: warn(context) };
  await using stages = openStages(settings, eachBringsIts, POOL, telling, compiled.compile);
  await using late = await LatePackages.open(
    path.join(settings.home, "cache"),
    stages.sandboxes,
    setting.options,
    signal,
  );
  await using inputs = new KnownInputs(setting.paths, signal);
  const changes = watchFiles([setting.reference, ...setting.paths], signal);
  let latest: Change | null = null;
  for (;;) {
    const next = nextChange();
    const superseded = new AbortController();
    const running = runAll(latest, AbortSignal.any([signal, superseded.signal]));
    const result = await Promise.race([next, running.then(() => next)]);
    superseded.abort();
    await running;
    if (result.done === true || signal.aborted) return 0;
    latest = result.value;
    inputs.forget(latest.files);
  }

  async function nextChange(): Promise<IteratorResult<Change, void>> {
    for (;;) {
      const next = await changes.next();
      if (next.done === true || next.value.files.filter((file) => !compiled.wrote(file)).length > 0)
        return next;
    }
  }

  /** Throws only what a person cannot put right by saving a file. */
  async function runAll(change: Change | null, runSignal: AbortSignal): Promise<void> {
    try {
      const opened = await inputs.open();
      const pkg = await stages.catalogue.open(setting.reference);
      const taken = await late.take(pkg);
      const { manifest } = pkg;
      const chosen = chooseInputs(opened, setting.paths, manifest, setting.overrides, setting.all);
      const catalogue = { open: () => Promise.resolve(taken) };
      const runSetting = { ...setting, manifest, stages: { ...stages, catalogue } };
      await report.begin(change, chosen);
      await using page = setting.page === null ? null : await HtmlReport.open(setting.page, manifest, chosen);
      for (const input of chosen.inputs) {
        const run = await runInput(input, runSetting, runSignal);
        if (runSignal.aborted) break;
        await report.add(input.name, run, change);
        await page?.add(input, run);
      }
      if (!runSignal.aborted) await page?.end();
      await late.openNext(pkg);
      if (!runSignal.aborted) await report.end();
    } catch (error) {
      if (runSignal.aborted) return;
      if (change === null && !mayBePutRight(error)) throw error;
      await report.complain(errorDocument(error), change);
    }
  }
}

/** What was not saved by a person, but written by a compiler. */
class CompiledFiles {
  readonly compile: WatchSetting["compile"];
  readonly #modules = new Set<string>();

  constructor(compile: WatchSetting["compile"]) {
    if (compile === undefined) return;
    this.compile = async (folder) => {
      const module = await compile(folder);
      if (module !== null) this.#modules.add(module);
      return module;
    };
  }

  /** A module is asked for once: the next time somebody else wrote it. */
  wrote(file: string): boolean {
    return isDraft(path.basename(path.dirname(file))) || this.#modules.delete(path.normalize(file));
  }
}

/** @throws WhiskersError `usage` */
function checkWatchable({ reference, paths }: WatchSetting): void {
  if (paths.includes("-"))
    throw new WhiskersError("usage", "--watch runs again and again: standard input can be read only once");
  if (isImageReference(reference))
    throw new WhiskersError(
      "usage",
      `${reference}: an image does not change; --watch is for folders and files`,
    );
}

function mayBePutRight(error: unknown): boolean {
  if (!(error instanceof WhiskersError)) return false;
  return error.code === "build-failed" || (error.code !== "usage" && ERRORS[error.code].exitCode === 2);
}

/** Raw files are read, unpacked and hashed again only when one of them was saved. */
class KnownInputs implements AsyncDisposable {
  readonly #paths: readonly string[];
  readonly #signal: AbortSignal;
  #opened: OpenInputs | null = null;
  #stale = true;

  constructor(paths: readonly string[], signal: AbortSignal) {
    this.#paths = paths;
    this.#signal = signal;
  }

  async open(): Promise<OpenInputs> {
    if (this.#opened !== null && !this.#stale) return this.#opened;
    await this[Symbol.asyncDispose]();
    this.#opened = await openInputs(this.#paths, this.#signal);
    this.#stale = false;
    return this.#opened;
  }

  forget(files: readonly string[]): void {
    const isInput = (file: string): boolean =>
      this.#paths.some((given) => file === given || file.startsWith(`${given.replace(/\/$/u, "")}/`));
    if (files.some((file) => isInput(file))) this.#stale = true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#opened?.[Symbol.asyncDispose]();
    this.#opened = null;
  }
}
