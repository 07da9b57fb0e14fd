import type { NormalizerMeta } from "../domain/meta.ts";
import type { Package } from "../domain/package.ts";
import type { Raw } from "../domain/raw.ts";
import type { Run } from "../domain/run.ts";
import { ERRORS, WhiskersError } from "../errors.ts";
import type { Input, Inputs } from "../raw/input.ts";
import { type MetaOverrides, normalizerMeta } from "../raw/normalizer-meta.ts";
import { openInputs } from "../raw/open-inputs.ts";
import { selectInputs } from "../raw/select-inputs.ts";
import { type Fetched, runTask } from "../run-task.ts";
import { flag } from "./arguments.ts";
import type { Arguments, Command, Context } from "./command.ts";
import { errorDocument } from "./complain.ts";
import { openStages } from "./open-stages.ts";
import { JsonDocument } from "./report/json-document.ts";
import { TextReport } from "./report/text-report.ts";
import { readMetaOverrides, readRunOptions, RUN_OPTIONS, RUN_OPTIONS_HELP } from "./run-options.ts";

export const command: Command = {
  help: `whiskers run PACKAGE INPUT... [OPTIONS]

Runs a normalizer in a sandbox and shows what comes out. Nothing is sent anywhere.

PACKAGE is a folder with a normalizer.json, a ZIP of one, or an image: NAME:TAG or NAME@DIGEST (pulled
when it is not here), oci:FOLDER or FILE.tar. INPUT is a raw file, a folder of raw files, the ZIP that
OpenKAT lets you download, or - for standard input; any number of them.

  --json               one JSON document with everything (protocol/schemas/run-document.json)
  --full               show everything, however long
  --input-ooi OOI      the object that was scanned: JSON, @FILE, or a primary key
  --mime TYPE          mime type of the inputs; may be given several times
  --meta FILE          the whole meta of the input: a NormalizerMeta or RawDataMeta as JSON
  --all                also raw files of a download whose mime types the normalizer does not consume
${RUN_OPTIONS_HELP}

Exit codes: 0 every run succeeded, 1 a normalizer failed, hit a limit or was rejected,
2 wrong usage or unreadable input, 3 the platform failed.

  whiskers run examples/normalizers/nmap-python examples/raws/nmap.zip
  whiskers run my-normalizer download.zip --json > out.json
`,
  options: {
    ...RUN_OPTIONS,
    json: { type: "boolean" },
    full: { type: "boolean" },
    all: { type: "boolean" },
    "input-ooi": { type: "string" },
    meta: { type: "string" },
    mime: { type: "string", multiple: true },
  },
  positionals: [2, Number.POSITIVE_INFINITY],
  run,
};

async function run(args: Arguments, context: Context): Promise<number> {
  const [folder = "", ...paths] = args.positionals;
  const settings = context.settings();
  const options = readRunOptions(args, settings);
  const overrides = await readMetaOverrides(args);
  await using inputs = await openInputs(paths, context.signal);
  const jobs = new Map<string, Fetched>();
  await using stages = openStages(settings, (task) => {
    const job = jobs.get(task.id);
    if (job === undefined) throw new Error(`no input for task ${task.id}`);
    return Promise.resolve(job);
  });
  const pkg = await stages.catalogue.open(folder);
  if (inputs.inputs.length === 0) throw nothingIn(paths, inputs);
  const chosen = choose(inputs, pkg, overrides, flag(args, "all"));
  const report = flag(args, "json")
    ? new JsonDocument(context.out)
    : new TextReport(context, chosen, flag(args, "full"));
  let exitCode = 0;
  try {
    for (const input of chosen.inputs) {
      const meta = normalizerMeta(input, pkg.manifest, overrides);
      jobs.set(meta.id, { raw: rawOf(input, meta), meta });
      const task = { id: meta.id, package: folder, raw: input.name };
      const done = await runTask(task, stages, options, context.signal);
      jobs.delete(meta.id);
      if (context.signal.aborted) break;
      await report.add(input.name, done);
      exitCode = Math.max(exitCode, exitCodeOf(done));
    }
  } catch (error) {
    if (!(report instanceof JsonDocument)) throw error;
    // What was run before is in the document, and so is what went wrong.
    const document = errorDocument(error);
    await report.end(document);
    return ERRORS[document.code].exitCode;
  }
  await report.end();
  return exitCode;
}

/** The raw as the meta has it, which a person may have said. */
function rawOf({ raw }: Input, { raw_data: known }: NormalizerMeta): Raw {
  return { ...raw, id: known.id, mimeTypes: known.mime_types.map(({ value }) => value) };
}

function exitCodeOf({ outcome }: Run): number {
  return outcome.status === "succeeded" ? 0 : ERRORS[outcome.code].exitCode;
}

/** @throws WhiskersError `input-unreadable` when none is left; `usage` when one meta is to be that of many */
function choose(inputs: Inputs, { manifest }: Package, overrides: MetaOverrides, all: boolean): Inputs {
  const chosen =
    all || overrides.mimeTypes !== undefined || overrides.meta !== undefined
      ? inputs
      : selectInputs(inputs, manifest.consumes);
  if (chosen.inputs.length === 0) {
    throw new WhiskersError(
      "input-unreadable",
      `no raw file for ${manifest.id} (--all runs it on every one)${reasonsOf(chosen)}`,
    );
  }
  if (overrides.meta !== undefined && chosen.inputs.length > 1) {
    throw new WhiskersError(
      "usage",
      `--meta is the meta of one raw file, and there are ${chosen.inputs.length}`,
    );
  }
  return chosen;
}

function nothingIn(paths: readonly string[], inputs: Inputs): WhiskersError {
  return new WhiskersError("input-unreadable", `no raw file in ${paths.join(", ")}${reasonsOf(inputs)}`);
}

function reasonsOf({ skipped }: Inputs): string {
  return skipped.map(({ name, reason }) => `\n${name}: ${reason}`).join("");
}
