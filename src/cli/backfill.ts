import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";

import {
  openKatSettings,
  readSupervisorSettings,
  type SupervisorSettings,
} from "../config/supervisor-settings.ts";
import { listInstalled } from "../db/sql/list-installed.ts";
import type { RawDataMeta } from "../domain/meta.ts";
import { isObject } from "../domain/unknown.ts";
import { ERRORS, WhiskersError } from "../errors.ts";
import { type HttpService, openHttpService } from "../http/http-service.ts";
import { retrying } from "../http/retrying.ts";
import { type Mula, openMula } from "../intake/mula.ts";
import { type Bytes, openBytes } from "../raw/bytes.ts";
import { type InstalledPackage, openNormalizers } from "../supervisor/normalizers.ts";
import { openLedger } from "./open-ledger.ts";
import { openPackages } from "./open-packages.ts";
import { flag, textOption } from "./arguments.ts";
import type { Arguments, Command, Context } from "./command.ts";
import { errorDocument } from "./complain.ts";
import { printable } from "./terminal/printable.ts";
import { wholeNumber } from "./whole-number.ts";

/** Bytes has no pages and no order: it must give all of them at once. Each is a kilobyte or two. */
const MOST_LISTED = 20_000;
/** Behind everything that the scheduler makes itself, whose priorities are Unix times. */
const PRIORITY = 2 ** 31 - 1;
const RETRY = { attempts: 5, baseMs: 100, capMs: 2000 };
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
  --since T            only scans that ended at this time or later: 2026-01-31, or 2026-01-31T12:00:00Z
  --organisation CODE  only raw files of this organisation
  --limit N            at most so many
  --dry-run            only say which
  --json               one JSON document

Exit codes: 0 every one is queued; 3 some are not, because the one before was not taken within a minute.
`,
  options: {
    normalizer: { type: "string" },
    since: { type: "string" },
    organisation: { type: "string" },
    limit: { type: "string" },
    "dry-run": { type: "boolean" },
    json: { type: "boolean" },
  },
  positionals: [0, 0],
  async run(args, context) {
    const wanted = readWanted(args);
    const settings = readSupervisorSettings(context.env);
    const consumes = await consumedBy(wanted.normalizer, settings, context);
    await using services = connect(settings);
    const raws = await listWanted(services.bytes, consumes, wanted, context.signal);
    const json = flag(args, "json");
    const added: Added[] = [];
    if (flag(args, "dry-run")) {
      added.push(...raws.map((raw): Added => ({ raw, task: null, result: "wanted" })));
    } else {
      try {
        await pushAll(services.mula, wanted.normalizer, raws, added, context.signal);
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

interface Wanted {
  readonly normalizer: string;
  /** Milliseconds of Unix time. */
  readonly sinceMs: number;
  readonly organisation: string | null;
  readonly limit: number;
}

function readWanted(args: Arguments): Wanted {
  const normalizer = textOption(args, "normalizer");
  if (normalizer === undefined)
    throw new WhiskersError("usage", "whiskers backfill: --normalizer is missing");
  const since = textOption(args, "since");
  const isTime =
    since === undefined ||
    /^\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d))?$/u.test(since);
  const sinceMs = since === undefined ? Number.NEGATIVE_INFINITY : Date.parse(since);
  if (!isTime || Number.isNaN(sinceMs)) {
    const message = `--since is ${JSON.stringify(since)}: expected a date, or a time with its zone such as 2026-01-31T12:00:00Z`;
    throw new WhiskersError("usage", message);
  }
  return {
    normalizer,
    sinceMs,
    organisation: textOption(args, "organisation") ?? null,
    limit: wholeNumber(args, "limit", Number.POSITIVE_INFINITY),
  };
}

/** @throws WhiskersError `usage` this normalizer is not ours, or consumes nothing */
async function consumedBy(
  id: string,
  settings: SupervisorSettings,
  context: Context,
): Promise<readonly string[]> {
  await using packages = openPackages(context.settings(), "look");
  const normalizers = await openNormalizers(settings.normalizers, packages.catalogue, () =>
    installedHere(settings, context),
  );
  if (!normalizers.ids.includes(id)) await normalizers.refresh();
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

interface Services extends AsyncDisposable {
  readonly bytes: Bytes;
  readonly mula: Mula;
}

function connect(settings: SupervisorSettings): Services {
  const openKat = openKatSettings(settings);
  if (openKat === null) throw new WhiskersError("config-invalid", "SCHEDULER_API and BYTES_API must be set");
  const open = (name: string, baseUrl: string): HttpService =>
    openHttpService({ name, baseUrl, timeoutMs: settings.requestTimeoutMs });
  const [bytes, mula] = [open("Bytes", openKat.bytesApi), open("Mula", openKat.schedulerApi)];
  return {
    bytes: openBytes(bytes, { username: openKat.bytesUsername, password: openKat.bytesPassword }),
    mula: openMula(mula),
    [Symbol.asyncDispose]: async () => {
      await Promise.all([bytes.close(), mula.close()]);
    },
  };
}

/** Newest first. Bytes gives raws that have all of the mime types it is asked for, so each is asked for alone. */
async function listWanted(
  bytes: Bytes,
  consumes: readonly string[],
  { sinceMs, organisation, limit }: Wanted,
  signal: AbortSignal,
): Promise<readonly RawDataMeta[]> {
  const found = new Map<string, RawDataMeta>();
  for (const type of consumes) {
    const list = await retrying(RETRY, signal, () =>
      bytes.listRaws({ mimeTypes: [type], limit: MOST_LISTED }, signal),
    );
    if (list.length >= MOST_LISTED) {
      const message = `Bytes holds ${MOST_LISTED} raw files or more of type ${type}, and cannot list them in parts`;
      throw new WhiskersError("upstream-refused", message);
    }
    for (const raw of list) if (isUsable(raw)) found.set(raw.id, raw);
  }
  return [...found.values()]
    .filter(({ boefje_meta: meta, mime_types: types }) => {
      const isFailed = types.some(({ value }) => value.startsWith("error/"));
      const isTheirs = organisation !== null && meta.organization !== organisation;
      return !isFailed && !isTheirs && Date.parse(meta.ended_at) >= sinceMs;
    })
    .toSorted((a, b) => Date.parse(b.boefje_meta.ended_at) - Date.parse(a.boefje_meta.ended_at))
    .slice(0, limit);
}

/** What comes from a service is checked where it is used. */
function isUsable(raw: unknown): raw is RawDataMeta {
  if (!isObject(raw) || typeof raw["id"] !== "string" || !Array.isArray(raw["mime_types"])) return false;
  const meta = raw["boefje_meta"];
  return (
    raw["mime_types"].every((type) => isObject(type) && typeof type["value"] === "string") &&
    isObject(meta) &&
    isObject(meta["boefje"]) &&
    typeof meta["id"] === "string" &&
    typeof meta["organization"] === "string" &&
    typeof meta["ended_at"] === "string"
  );
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
  return retrying(RETRY, signal, async () => {
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
