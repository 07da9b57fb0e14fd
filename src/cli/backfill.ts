import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";

import { readSupervisorSettings, type SupervisorSettings } from "../config/supervisor-settings.ts";
import { listInstalled } from "../db/sql/list-installed.ts";
import type { RawDataMeta } from "../domain/meta.ts";
import { ERRORS, WhiskersError } from "../errors.ts";
import { retrying } from "../http/retrying.ts";
import type { Mula } from "../intake/mula.ts";
import { type InstalledPackage, openNormalizers } from "../supervisor/normalizers.ts";
import { openLedger } from "./open-ledger.ts";
import { openPackages } from "./open-packages.ts";
import { flag, textOption } from "./arguments.ts";
import type { Command, Context } from "./command.ts";
import { errorDocument } from "./complain.ts";
import { connectOpenKat } from "./stored-raws/connect-openkat.ts";
import { COMMAND_RETRY, listStoredRaws } from "./stored-raws/list-stored-raws.ts";
import { RAW_SELECTION_HELP, RAW_SELECTION_OPTIONS, readRawSelection } from "./stored-raws/raw-selection.ts";
import { printable } from "./terminal/printable.ts";

/** Behind everything that the scheduler makes itself, whose priorities are Unix times. */
const PRIORITY = 2 ** 31 - 1;
/** Raw files of one run that wait for each other: looked again so often and, without any progress, for so long. */
const LOOK_AGAIN_MS = 500;
const GIVE_UP_MS = 60_000;

export const command: Command = {
  help: `whiskers backfill --normalizer ID [--since T] [--organisation CODE] [--limit N] [--dry-run] [--json]

Runs a normalizer on raw files that are in Bytes already: all that have a mime type which it consumes, the
newest first. The tasks go to OpenKAT's scheduler, behind all of its own, and from there to the supervisors:
they are seen, counted and told about in OpenKAT as every other task. Which normalizers there are, and where
OpenKAT is, is in the settings of \`whiskers supervise\`; it may run meanwhile.

The scheduler takes one task at a time for all raw files of one boefje's run. Where there are several, this
waits until a supervisor has taken the one before.

  --normalizer ID      one of WHISKERS_NORMALIZERS, or of what is installed in the database
${RAW_SELECTION_HELP}
  --dry-run            only say which
  --json               one JSON document

Exit codes: 0 every one is queued; 3 some are not, because the one before was not taken within a minute.
`,
  options: {
    ...RAW_SELECTION_OPTIONS,
    normalizer: { type: "string" },
    "dry-run": { type: "boolean" },
    json: { type: "boolean" },
  },
  positionals: [0, 0],
  async run(args, context) {
    const normalizer = textOption(args, "normalizer");
    if (normalizer === undefined)
      throw new WhiskersError("usage", "whiskers backfill: --normalizer is missing");
    const selection = readRawSelection(args);
    const settings = readSupervisorSettings(context.env);
    const consumes = await consumedBy(normalizer, settings, context);
    await using services = connectOpenKat(settings);
    const raws = await listStoredRaws(services.bytes, consumes, selection, context.signal);
    const json = flag(args, "json");
    const added: Added[] = [];
    if (flag(args, "dry-run")) {
      added.push(...raws.map((raw): Added => ({ raw, task: null, result: "wanted" })));
    } else {
      try {
        await pushAll(services.mula, normalizer, raws, added, context.signal);
      } catch (error) {
        // What was queued before is queued, and is said.
        if (!json) {
          await report(added, context);
          throw error;
        }
        const document = errorDocument(error);
        await context.out(`${JSON.stringify({ raws: added.map(addedDocument), error: document })}\n`);
        return ERRORS[document.code].exitCode;
      }
    }
    if (json) await context.out(`${JSON.stringify({ raws: added.map(addedDocument) })}\n`);
    else await report(added, context);
    return added.some(({ result }) => result === "left") ? 3 : 0;
  },
};

/** @throws WhiskersError `usage` this normalizer is not ours, or consumes nothing */
async function consumedBy(
  id: string,
  settings: SupervisorSettings,
  context: Context,
): Promise<readonly string[]> {
  await using packages = openPackages(context.settings(), "look");
  const normalizers = await openNormalizers(settings.normalizers, packages.catalogue);
  if (!normalizers.ids.includes(id)) await normalizers.refresh(await installedHere(settings, context));
  if (!normalizers.ids.includes(id)) {
    const known =
      normalizers.ids.join(", ") || "none: WHISKERS_NORMALIZERS is not set, and nothing is installed";
    throw new WhiskersError("usage", `there is no normalizer ${id}; there is ${known}`);
  }
  const { consumes } = (await normalizers.open(id)).manifest;
  if (consumes.length > 0) return consumes;
  const message = `${id} names no mime type in \`consumes\` of its normalizer.json, so no raw file is meant for it`;
  throw new WhiskersError("usage", message);
}

/** The embedded database is its supervisor's alone. */
async function installedHere(
  settings: SupervisorSettings,
  context: Context,
): Promise<readonly InstalledPackage[]> {
  if (settings.databaseUrl === null) return [];
  await using database = await openLedger(context);
  return await listInstalled(database);
}

/** What became of one raw file. `already`: its task was there; `left`: the one before it was not taken in time. */
interface Added {
  readonly raw: RawDataMeta;
  readonly task: string | null;
  readonly result: "wanted" | "queued" | "already" | "left";
}

/** One raw file of each boefje's run at a time, in rounds. What became of each goes to `added`. */
async function pushAll(
  mula: Mula,
  normalizerId: string,
  raws: readonly RawDataMeta[],
  added: Added[],
  signal: AbortSignal,
): Promise<void> {
  const ofRun = new Map<string, number>();
  for (const raw of raws) ofRun.set(runOf(raw), (ofRun.get(runOf(raw)) ?? 0) + 1);
  let rest = raws;
  for (let untilMs = performance.now() + GIVE_UP_MS; ; await sleep(LOOK_AGAIN_MS, undefined, { signal })) {
    const refusedRuns = new Set<string>();
    const refused: RawDataMeta[] = [];
    for (const raw of rest) {
      const run = runOf(raw);
      const task = randomUUID();
      if (!refusedRuns.has(run) && (await push(mula, normalizerId, raw, task, signal))) {
        added.push({ raw, task, result: "queued" });
        untilMs = performance.now() + GIVE_UP_MS;
        continue;
      }
      refusedRuns.add(run);
      refused.push(raw);
    }
    // The only one of its run: what is queued already is its task.
    const isAlone = (raw: RawDataMeta): boolean => ofRun.get(runOf(raw)) === 1;
    added.push(...refused.filter(isAlone).map((raw): Added => ({ raw, task: null, result: "already" })));
    rest = refused.filter((raw) => !isAlone(raw));
    if (rest.length === 0) return;
    if (performance.now() > untilMs) {
      added.push(...rest.map((raw): Added => ({ raw, task: null, result: "left" })));
      return;
    }
  }
}

/** What the scheduler tells one task of a normalizer from another by. */
function runOf({ boefje_meta: meta }: RawDataMeta): string {
  return `${meta.organization} ${meta.id}`;
}

/** An answer that was lost must not make two tasks of one, and the scheduler takes ten seconds to refuse an id. */
async function push(
  mula: Mula,
  normalizerId: string,
  raw: RawDataMeta,
  id: string,
  signal: AbortSignal,
): Promise<boolean> {
  let isFirst = true;
  return retrying(COMMAND_RETRY, signal, async () => {
    if (!isFirst && (await mula.status(id, signal)) !== null) return true;
    isFirst = false;
    return mula.push(
      {
        id,
        normalizerId,
        rawId: raw.id,
        mimeTypes: raw.mime_types.map(({ value }) => value),
        boefjeMeta: raw.boefje_meta,
        priority: PRIORITY,
      },
      signal,
    );
  });
}

const RESULTS: Readonly<Record<Added["result"], string>> = {
  wanted: "would be queued",
  queued: "queued",
  already: "queued already",
  left: "NOT queued: another raw file of the same boefje run waits",
};

function addedDocument({ raw, task, result }: Added): object {
  const { organization: organisation, ended_at: endedAt } = raw.boefje_meta;
  return { raw: raw.id, organisation, endedAt, task, result };
}

async function report(added: readonly Added[], { out }: Context): Promise<void> {
  if (added.length === 0) await out("No raw file is wanted.\n");
  for (const { raw, task, result } of added) {
    const { ended_at: endedAt, organization, boefje } = raw.boefje_meta;
    const about = [raw.id, endedAt, organization, boefje.id].map((text) => printable(text)).join("  ");
    await out(`${about}  ${RESULTS[result]}${task === null ? "" : ` as task ${task}`}\n`);
  }
}
