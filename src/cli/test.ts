import { mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";

import { fileTroubleOf } from "../domain/unknown.ts";
import { ERRORS, WhiskersError } from "../errors.ts";
import { fileInput } from "../raw/file.ts";
import { normalizerMeta } from "../raw/normalizer-meta.ts";
import { type Fetched, runTask } from "../run-task.ts";
import { flag, textOption } from "./arguments.ts";
import type { Arguments, Command, Context } from "./command.ts";
import { COMPILE_OPTIONS, COMPILE_OPTIONS_HELP, compileBefore } from "./compile-options.ts";
import { openStages } from "./open-stages.ts";
import { readRunOptions, RUN_OPTIONS, RUN_OPTIONS_HELP } from "./run-options.ts";
import { statusLine, tellingOf } from "./status-line.ts";
import { printable } from "./terminal/printable.ts";
import { junit } from "./testing/junit.ts";
import type { TestedNormalizer } from "./testing/junit.ts";
import { showDifferences } from "./testing/show-differences.ts";
import { testNormalizer } from "./testing/test-normalizer.ts";
import type { RunRaw, TestResult } from "./testing/test-normalizer.ts";

export const command: Command = {
  help: `whiskers test [FOLDER] [OPTIONS]

Runs a normalizer on the raw files of its cases and compares what comes out, object by object. A case is a
folder tests/NAME with the files raw, meta.json (may be left out) and expected.json. Then checks what every
normalizer has to keep: with a raw file that is empty, truncated, random, wrongly encoded or very large it
ends, and gives nothing invalid; the same input gives the same output; nothing is left from run to run.

FOLDER is a normalizer, or holds normalizers; default: the working folder.

  --update             write what came out to the expected.json of cases that differ or have none
  --cases              the cases alone
  --junit FILE         also write the results as JUnit XML, for CI
  --json               one JSON document
  --full               every difference, however many
${COMPILE_OPTIONS_HELP}
${RUN_OPTIONS_HELP}

Exit codes: 0 everything passed (or was updated), 1 something did not, or cannot be compiled, 2 wrong usage
or unreadable input, 3 the platform failed.

  whiskers test my-normalizer --update
  whiskers test examples/normalizers --junit results.xml
`,
  options: {
    ...RUN_OPTIONS,
    ...COMPILE_OPTIONS,
    update: { type: "boolean" },
    cases: { type: "boolean" },
    junit: { type: "string" },
    json: { type: "boolean" },
    full: { type: "boolean" },
  },
  positionals: [0, 1],
  run,
};

const MOST_DIFFERENCES = 20;

async function run(args: Arguments, context: Context): Promise<number> {
  const [folder = "."] = args.positionals;
  const isJson = flag(args, "json");
  const scratch = await mkdtemp(path.join(tmpdir(), "whiskers-test-"));
  try {
    const tested: TestedNormalizer[] = [];
    for (const each of await normalizersIn(folder)) {
      const results: TestResult[] = [];
      const id = await testOne(each, args, context, scratch, async (normalizer, result) => {
        if (!isJson && results.length === 0) await context.out(`${heading(normalizer, each, context)}\n`);
        results.push(result);
        if (!isJson) await context.out(lineOf(result, context, flag(args, "full")));
      });
      if (!isJson && !results.some(({ kind }) => kind === "case")) await context.out(noCases(each));
      tested.push({ id, folder: each, results });
      if (context.signal.aborted) break;
    }
    return await report(tested, args, context);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** The folder itself, or each of those in it. @throws WhiskersError `package-unreadable` */
async function normalizersIn(folder: string): Promise<readonly string[]> {
  if (await hasManifest(folder)) return [folder];
  const names = await readdir(folder).catch((cause: unknown) => {
    throw new WhiskersError("package-unreadable", `${folder}: ${fileTroubleOf(cause)}`, { cause });
  });
  const found: string[] = [];
  for (const name of names.toSorted()) {
    if (await hasManifest(path.join(folder, name))) found.push(path.join(folder, name));
  }
  if (found.length > 0) return found;
  throw new WhiskersError("package-unreadable", `${folder}: no normalizer.json in it, nor in a folder of it`);
}

function hasManifest(folder: string): Promise<boolean> {
  return stat(path.join(folder, "normalizer.json")).then(
    (stats) => stats.isFile(),
    () => false,
  );
}

/** Its id. */
async function testOne(
  folder: string,
  args: Arguments,
  context: Context,
  scratch: string,
  onResult: (id: string, result: TestResult) => Promise<void>,
): Promise<string> {
  const settings = context.settings();
  const options = readRunOptions(args, settings);
  const jobs = new Map<string, Fetched>();
  using status = statusLine(context);
  const fetch = (task: { readonly id: string }): Promise<Fetched> => {
    const job = jobs.get(task.id);
    if (job === undefined) throw new Error(`no input for task ${task.id}`);
    return Promise.resolve(job);
  };
  await using stages = openStages(
    settings,
    fetch,
    {},
    tellingOf(status, context),
    compileBefore(args, context, status.show),
  );
  const pkg = await stages.catalogue.open(folder);
  status.end();
  const { id } = pkg.manifest;
  const runRaw: RunRaw = async (file, known, state) => {
    const input = await fileInput(file, file, null, context.signal);
    const meta = normalizerMeta(input, pkg.manifest, known === undefined ? {} : { meta: known });
    const mimeTypes = meta.raw_data.mime_types.map(({ value }) => value);
    jobs.set(meta.id, { raw: { ...input.raw, id: meta.raw_data.id, mimeTypes }, meta });
    const task = { id: meta.id, package: folder, raw: file };
    const done = await runTask(
      task,
      stages,
      { ...options, ...(state === undefined ? {} : { state }) },
      context.signal,
    );
    // Nothing is said of a normalizer by what failed around it.
    if (done.outcome.status === "failed" && ERRORS[done.outcome.code].fault !== "normalizer") {
      throw new WhiskersError(done.outcome.code, done.outcome.message);
    }
    return done;
  };
  const wanted = { update: flag(args, "update"), properties: !flag(args, "cases"), scratch };
  for await (const result of testNormalizer(folder, pkg, runRaw, wanted)) {
    if (context.signal.aborted) break;
    await onResult(id, result);
  }
  return id;
}

async function report(
  tested: readonly TestedNormalizer[],
  args: Arguments,
  context: Context,
): Promise<number> {
  const file = textOption(args, "junit");
  if (file !== undefined) {
    await writeFile(file, junit(tested)).catch((cause: unknown) => {
      throw new WhiskersError("usage", `--junit ${file}: ${fileTroubleOf(cause)}`, { cause });
    });
  }
  const results = tested.flatMap((normalizer) => normalizer.results);
  const failed = results.filter(({ failure }) => failure !== null).length;
  const passed = results.length - failed;
  if (flag(args, "json")) {
    await context.out(`${JSON.stringify({ normalizers: tested, passed, failed }, null, 2)}\n`);
  } else {
    const { paint } = context.outTerminal;
    const updated = results.filter((result) => result.updated).length;
    await context.out(
      `\n${passed} passed${failed > 0 ? `, ${paint("red", `${failed} failed`)}` : ""}${updated > 0 ? `, ${updated} updated` : ""}\n`,
    );
  }
  return failed > 0 ? 1 : 0;
}

function heading(id: string, folder: string, { outTerminal: { paint } }: Context): string {
  return `${paint("bold", printable(id))} ${paint("dim", printable(folder))}`;
}

function lineOf(result: TestResult, { outTerminal: { paint } }: Context, full: boolean): string {
  const { name, failure, updated, ms } = result;
  const word = failure === null ? paint("green", updated ? "written" : "ok") : paint("red", "FAILED");
  const lines = [`  ${word}  ${printable(name)}  ${paint("dim", `${Math.round(ms)} ms`)}`];
  if (failure !== null) lines.push(`      ${printable(failure)}`);
  const most = full ? Number.POSITIVE_INFINITY : MOST_DIFFERENCES;
  lines.push(...showDifferences(result.differences, most).map((line) => `      ${line}`));
  return `${lines.join("\n")}\n`;
}

function noCases(folder: string): string {
  return `  it has no cases: put a raw file into ${printable(path.join(folder, "tests/NAME/raw"))}, then --update\n`;
}
