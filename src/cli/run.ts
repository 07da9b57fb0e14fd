import type { Run } from "../domain/run.ts";
import { ERRORS, WhiskersError } from "../errors.ts";
import { openInputs } from "../raw/open-inputs.ts";
import { flag, textOption } from "./arguments.ts";
import { chooseInputs } from "./choose-inputs.ts";
import type { Arguments, Command, Context } from "./command.ts";
import { COMPILE_OPTIONS, COMPILE_OPTIONS_HELP, compileBefore } from "./compile-options.ts";
import { errorDocument } from "./complain.ts";
import { debugRun } from "./debug/debug-run.ts";
import { openStages } from "./open-stages.ts";
import { HtmlReport } from "./report/html/html-report.ts";
import { JsonDocument } from "./report/json-document.ts";
import { TextReport } from "./report/text-report.ts";
import { runInput } from "./run-input.ts";
import { readMetaOverrides, readRunOptions, RUN_OPTIONS, RUN_OPTIONS_HELP } from "./run-options.ts";
import { statusLine, tellingOf } from "./status-line.ts";
import { WatchLines } from "./watch/watch-lines.ts";
import { watchRuns } from "./watch/watch-runs.ts";
import { WatchText } from "./watch/watch-text.ts";

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
  --report FILE        also write one HTML page with everything, raw files beside what came of them
  --debug              stop where the normalizer begins, without a time limit: pdb on this terminal
                       for Python, a port for debuggers of Node.js for JavaScript
  --inspect-port PORT  that port; default 9229, 0 for any
  --watch              run again whenever a file of package or inputs is saved, and show what changed;
                       with --json one JSON object a line
  --all                also raw files of a download whose mime types the normalizer does not consume
${COMPILE_OPTIONS_HELP}
${RUN_OPTIONS_HELP}

Exit codes: 0 every run succeeded, 1 a normalizer failed, hit a limit, was rejected or cannot be compiled,
2 wrong usage or unreadable input, 3 the platform failed.

  whiskers run examples/normalizers/nmap-python examples/raws/nmap.zip
  whiskers run my-normalizer download.zip --json > out.json
  whiskers run my-normalizer raw-file --watch
`,
  options: {
    ...RUN_OPTIONS,
    ...COMPILE_OPTIONS,
    json: { type: "boolean" },
    full: { type: "boolean" },
    watch: { type: "boolean" },
    debug: { type: "boolean" },
    "inspect-port": { type: "string" },
    all: { type: "boolean" },
    "input-ooi": { type: "string" },
    meta: { type: "string" },
    report: { type: "string" },
    mime: { type: "string", multiple: true },
  },
  positionals: [2, Number.POSITIVE_INFINITY],
  run,
};

async function run(args: Arguments, context: Context): Promise<number> {
  const [reference = "", ...paths] = args.positionals;
  const options = readRunOptions(args, context.settings());
  const overrides = await readMetaOverrides(args);
  const page = textOption(args, "report") ?? null;
  const setting = { reference, paths, options, overrides, all: flag(args, "all"), page };
  const full = flag(args, "full");
  const isJson = flag(args, "json");
  const isDebugged = flag(args, "debug");
  if (isDebugged) checkDebugging(args);
  if (flag(args, "watch")) {
    const compile = compileBefore(args, context, () => {});
    return watchRuns(
      { ...setting, compile },
      context,
      isJson ? new WatchLines(context.out) : new WatchText(context, full),
    );
  }
  await using inputs = await openInputs(paths, context.signal);
  using status = statusLine(context);
  const eachBringsIts = (): Promise<never> => Promise.reject(new Error("each run brings its own"));
  const compile = compileBefore(args, context, status.show);
  await using stages = openStages(context.settings(), eachBringsIts, {}, tellingOf(status, context), compile);
  const { manifest } = await stages.catalogue.open(reference);
  status.end();
  const chosen = chooseInputs(inputs, paths, manifest, overrides, setting.all);
  const report = isJson
    ? new JsonDocument(context.out)
    : new TextReport(isDebugged ? withoutStatusLine(context) : context, chosen, full);
  await using html = page === null ? null : await HtmlReport.open(page, manifest, chosen);
  let exitCode = 0;
  try {
    for (const input of chosen.inputs) {
      const one = { ...setting, manifest, stages };
      const done = isDebugged
        ? await debugRun(chosen, { ...one, port: inspectPort(args) }, context)
        : await runInput(input, one, context.signal);
      if (context.signal.aborted) break;
      await report.add(input.name, done);
      await html?.add(input, done);
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
  await html?.end();
  return exitCode;
}

/** @throws WhiskersError `usage` */
function checkDebugging(args: Arguments): void {
  if (flag(args, "watch")) throw new WhiskersError("usage", "--debug and --watch exclude each other");
  if (args.positionals.includes("-"))
    throw new WhiskersError("usage", "--debug: standard input is for the debugger, not for a raw file");
}

/** @throws WhiskersError `usage` */
function inspectPort(args: Arguments): number {
  const text = textOption(args, "inspect-port") ?? "9229";
  if (/^\d{1,5}$/u.test(text) && Number(text) <= 65_535) return Number(text);
  throw new WhiskersError(
    "usage",
    `--inspect-port is ${JSON.stringify(text)}: expected a port, or 0 for any`,
  );
}

/** The terminal belongs to the debugger. */
function withoutStatusLine(context: Context): Context {
  return { ...context, errTerminal: { ...context.errTerminal, isTty: false } };
}

function exitCodeOf({ outcome }: Run): number {
  return outcome.status === "succeeded" ? 0 : ERRORS[outcome.code].exitCode;
}
