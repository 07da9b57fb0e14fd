import { randomUUID } from "node:crypto";
import { constants } from "node:fs";
import { chmod, copyFile, mkdir, readdir, rm, stat } from "node:fs/promises";
import path from "node:path";

import type { Database } from "../db/database.ts";
import { taskStates } from "../db/sql/task-states.ts";
import type { Task } from "../domain/task.ts";
import { fileTroubleOf } from "../domain/unknown.ts";
import { WhiskersError } from "../errors.ts";
import { absoluteReference } from "../packages/open-reference.ts";
import type { Input } from "../raw/input.ts";
import { normalizerMeta } from "../raw/normalizer-meta.ts";
import { openInputs } from "../raw/open-inputs.ts";
import { selectInputs } from "../raw/select-inputs.ts";
import { openPackages } from "./open-packages.ts";
import { flag } from "./arguments.ts";
import type { Command } from "./command.ts";
import { openLedger, openQueue } from "./open-ledger.ts";
import { readMetaOverrides } from "./run-options.ts";
import { printable } from "./terminal/printable.ts";

/** Copies that no task knows are removed when they are so old, milliseconds: another `submit` may be making one. */
const ORPHAN_MS = 3_600_000;
const ADDED_AT_ONCE = 500;

export const command: Command = {
  help: `whiskers submit PACKAGE INPUT... [--input-ooi OOI] [--mime TYPE] [--meta FILE] [--all] [--json]

Queues raw files for \`whiskers supervise\` to run a normalizer on, without OpenKAT's scheduler. What comes out
stays in the database: \`whiskers runs show ID\`.

PACKAGE and INPUT are as for \`whiskers run\`. The raw files are copied into WHISKERS_HOME, and may be deleted;
the package has to stay where it is. The supervisor needs the same WHISKERS_HOME.

With the embedded database no supervisor may run meanwhile; with DATABASE_URL it may.

  --input-ooi OOI   the object that was scanned: JSON, @FILE, or a primary key
  --mime TYPE       mime type of the inputs; may be given several times
  --meta FILE       the whole meta of the input: a NormalizerMeta or RawDataMeta as JSON
  --all             also raw files of a download whose mime types the normalizer does not consume
  --json            one JSON document

  whiskers submit my-normalizer download.zip && whiskers supervise
`,
  options: {
    "input-ooi": { type: "string" },
    mime: { type: "string", multiple: true },
    meta: { type: "string" },
    all: { type: "boolean" },
    json: { type: "boolean" },
  },
  positionals: [2, Number.POSITIVE_INFINITY],
  async run(args, context) {
    const [given = "", ...paths] = args.positionals;
    const { home } = context.settings();
    const overrides = await readMetaOverrides(args);
    await using opened = await openInputs(paths, context.signal);
    const reference = absoluteReference(given);
    await using packages = openPackages(context.settings(), "look");
    const { manifest } = await packages.catalogue.open(reference);
    const all = flag(args, "all") || overrides.mimeTypes !== undefined || overrides.meta !== undefined;
    const { inputs, skipped } = all ? opened : selectInputs(opened, manifest.consumes);
    if (inputs.length === 0) {
      const reasons = skipped.map(({ name, reason }) => `\n${name}: ${reason}`).join("");
      throw new WhiskersError("input-unreadable", `no raw file for ${manifest.id}${reasons}`);
    }
    if (overrides.meta !== undefined && inputs.length > 1) {
      const message = `--meta is the meta of one raw file, and there are ${inputs.length}`;
      throw new WhiskersError("usage", message);
    }
    await using database = await openLedger(context);
    const kept = path.join(home, "submitted");
    await mkdir(kept, { recursive: true, mode: 0o700 });
    await sweep(kept, database);
    const submitted: { readonly name: string; readonly task: Task }[] = [];
    try {
      for (const input of inputs) {
        context.signal.throwIfAborted();
        const { raw_data: rawData } = normalizerMeta(input, manifest, overrides);
        const id = randomUUID();
        const raw = path.join(kept, id);
        submitted.push({ name: input.name, task: { id, package: reference, raw, rawData } });
        await keep(input, raw);
      }
      const queue = await openQueue(database, context);
      try {
        for (let from = 0; from < submitted.length; from += ADDED_AT_ONCE) {
          await queue.enqueue(submitted.slice(from, from + ADDED_AT_ONCE).map(({ task }) => task));
        }
      } finally {
        await queue.close();
      }
    } catch (error) {
      const ids = submitted.map(({ task }) => task.id);
      const known = await taskStates(database, ids).catch(() => null);
      // Those that were queued need theirs; where that is not known, the next `submit` finds out.
      const rest = known === null ? [] : ids.filter((id) => !known.has(id));
      await Promise.all(rest.map((id) => rm(path.join(kept, id), { force: true })));
      throw error;
    }
    if (flag(args, "json")) {
      const tasks = submitted.map(({ name, task: { id } }) => ({ task: id, input: name }));
      await context.out(`${JSON.stringify({ tasks, skipped })}\n`);
      return 0;
    }
    for (const { name, task } of submitted) await context.out(`${task.id}  queued  ${printable(name)}\n`);
    for (const { name, reason } of skipped) {
      await context.out(`not queued: ${printable(name)}: ${printable(reason)}\n`);
    }
    return 0;
  },
};

/** A copy that shares its blocks with the original where the file system can do that. */
async function keep({ name, raw }: Input, target: string): Promise<void> {
  try {
    await copyFile(raw.path, target, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
    await chmod(target, 0o600);
  } catch (cause) {
    throw new WhiskersError("input-unreadable", `${name} could not be copied: ${fileTroubleOf(cause)}`, {
      cause,
    });
  }
}

/** Removes copies whose tasks were forgotten: settled so long ago (WHISKERS_KEEP), or never queued. */
async function sweep(folder: string, database: Database): Promise<void> {
  const uuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/u;
  const names = (await readdir(folder)).filter((name) => uuid.test(name));
  const known = await taskStates(database, names);
  for (const name of names) {
    if (known.has(name)) continue;
    const file = path.join(folder, name);
    const stats = await stat(file).catch(() => null);
    if (stats !== null && Date.now() - stats.ctimeMs > ORPHAN_MS) await rm(file, { force: true });
  }
}
