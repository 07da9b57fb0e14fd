import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";

import { readSupervisorSettings } from "../config/supervisor-settings.ts";
import type { Package } from "../domain/package.ts";
import { WhiskersError } from "../errors.ts";
import { openInputs } from "../raw/open-inputs.ts";
import { flag } from "./arguments.ts";
import { chooseInputs } from "./choose-inputs.ts";
import type { Arguments, Command, Context } from "./command.ts";
import { rawsById, rawsSelected } from "./diff/bytes-source.ts";
import { comparePackages } from "./diff/compare-packages.ts";
import { openDiffReport } from "./diff/diff-report.ts";
import type { RawSource } from "./diff/raw-source.ts";
import { openStages } from "./open-stages.ts";
import { readMetaOverrides, readRunOptions, RUN_OPTIONS, RUN_OPTIONS_HELP } from "./run-options.ts";
import { statusLine, tellingOf } from "./status-line.ts";
import { connectOpenKat } from "./stored-raws/connect-openkat.ts";
import { RAW_SELECTION_HELP, RAW_SELECTION_OPTIONS, readRawSelection } from "./stored-raws/raw-selection.ts";

export const command: Command = {
  help: `whiskers diff OLD NEW INPUT... [OPTIONS]
whiskers diff OLD NEW --from-bytes [RAW-ID...] [OPTIONS]

Runs two versions of a normalizer on the same raw files and shows where what they give differs, record by
record: added (+), removed (-), changed (~, with the fields). Nothing is sent anywhere.

OLD and NEW are packages, INPUT is raw files, both as for \`whiskers run\`. With --from-bytes the raw files come
from OpenKAT's Bytes, by their ids, or all that have a mime type which OLD or NEW consumes, the newest first.
Where Bytes is, is in the settings of \`whiskers supervise\`.

  --from-bytes         raw files in Bytes
${RAW_SELECTION_HELP}
  --json               one JSON document
  --full               every difference, however many
  --input-ooi OOI      the object that was scanned: JSON, @FILE, or a primary key
  --mime TYPE          mime type of the inputs; may be given several times
  --meta FILE          the whole meta of the input: a NormalizerMeta or RawDataMeta as JSON
  --all                also raw files of a download whose mime types neither consumes
${RUN_OPTIONS_HELP}

Exit codes: 0 both give the same on every raw file; 1 they do not; 2 wrong usage or unreadable input; 3 the
platform or a service failed. A normalizer that fails is compared by how it fails.

  whiskers diff registry.example/dns:1 ./dns download.zip
  whiskers diff registry.example/dns:1 registry.example/dns:2 --from-bytes --since 2026-01-31 --limit 200
`,
  options: {
    ...RUN_OPTIONS,
    ...RAW_SELECTION_OPTIONS,
    "from-bytes": { type: "boolean" },
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
  const [old = "", now = "", ...given] = args.positionals;
  const options = readRunOptions(args, context.settings());
  const overrides = await readMetaOverrides(args);
  await using undo = new AsyncDisposableStack();
  const status = statusLine(context);
  undo.use(status);
  const eachBringsIts = (): Promise<never> => Promise.reject(new Error("each run brings its own"));
  const stages = undo.use(openStages(context.settings(), eachBringsIts, {}, tellingOf(status, context)));
  const packages = [await stages.catalogue.open(old), await stages.catalogue.open(now)] as const;
  status.end();
  const setting = (reference: string, { manifest }: Package): Parameters<typeof comparePackages>[1] => ({
    reference,
    manifest,
    stages,
    options,
    overrides,
  });
  const raws = await openRaws(given, packages, args, context, undo);
  const report = openDiffReport(packages, raws, context, {
    json: flag(args, "json"),
    full: flag(args, "full"),
  });
  try {
    await report.begin();
    const settings = [setting(old, packages[0]), setting(now, packages[1])] as const;
    for await (const comparison of comparePackages(raws, ...settings, context.signal)) {
      if (context.signal.aborted) break;
      await report.add(comparison);
    }
  } catch (error) {
    return await report.fail(error);
  }
  return await report.end();
}

async function openRaws(
  given: readonly string[],
  packages: readonly [Package, Package],
  args: Arguments,
  context: Context,
  undo: AsyncDisposableStack,
): Promise<RawSource> {
  if (!flag(args, "from-bytes")) {
    const alone = Object.keys(RAW_SELECTION_OPTIONS).find((name) => args.values[name] !== undefined);
    if (alone !== undefined) throw new WhiskersError("usage", `--${alone} goes with --from-bytes`);
    if (given.length === 0) {
      throw new WhiskersError("usage", "whiskers diff: name raw files to compare on, or give --from-bytes");
    }
    const opened = undo.use(await openInputs(given, context.signal));
    const manifest = { ...packages[1].manifest, consumes: consumedByEither(packages) };
    const { inputs, skipped } = chooseInputs(
      opened,
      given,
      manifest,
      await readMetaOverrides(args),
      flag(args, "all"),
    );
    return { count: inputs.length, skipped, read: () => eachOf(inputs) };
  }
  const supervisor = readSupervisorSettings(context.env);
  const { bytes } = undo.use(connectOpenKat(supervisor));
  const folder = await mkdtemp(path.join(tmpdir(), "whiskers-diff-"));
  undo.defer(() => rm(folder, { recursive: true, force: true }));
  const source = { bytes, folder, maxBytes: supervisor.rawMaxBytes, signal: context.signal };
  if (given.length > 0) return rawsById(given, source);
  const consumes = new Set(packages.flatMap(({ manifest }) => manifest.consumes));
  return rawsSelected([...consumes], readRawSelection(args), source);
}

/** When one of them names no type but its own, it is for everything, and so are both. */
function consumedByEither(packages: readonly [Package, Package]): readonly string[] {
  const types = new Set(packages.flatMap(({ manifest }) => manifest.consumes));
  const ownTypes = new Set([...types].filter((type) => type.startsWith("normalizer/")));
  const isForAll = packages.some(({ manifest }) => manifest.consumes.every((type) => ownTypes.has(type)));
  return [...(isForAll ? ownTypes : types)];
}

async function* eachOf<T>(items: readonly T[]): AsyncGenerator<T> {
  yield* items;
}
