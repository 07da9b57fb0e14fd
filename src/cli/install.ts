import { hostname, userInfo } from "node:os";

import type { Database } from "../db/database.ts";
import { type Installed, listInstalled } from "../db/sql/list-installed.ts";
import { type NewlyInstalled, putInstalled } from "../db/sql/put-installed.ts";
import type { Package } from "../domain/package.ts";
import { WhiskersError } from "../errors.ts";
import {
  familiarReference,
  formatReference,
  parseReference,
  type Reference,
} from "../packages/images/reference.ts";
import { flag } from "./arguments.ts";
import type { Command, Context } from "./command.ts";
import { openImages } from "./images/open-images.ts";
import { pullHere } from "./images/pull-here.ts";
import { openLedger } from "./open-ledger.ts";
import { openPackages } from "./open-packages.ts";

export const command: Command = {
  help: `whiskers install REFERENCE... [--local] [--replace] [--json]

Gives every supervisor on the database (DATABASE_URL) a normalizer to run: the image that REFERENCE names now.
A tag is resolved to a digest once; that digest is recorded and run, wherever the tag moves later. Supervisors
take it up within seconds, without a restart; a run that has begun ends on the digest it began with.

What has the id of the same repository's image before is replaced: so a new version is installed, and an old
one again. Another repository's image with the same id is refused, unless --replace is given. A supervisor
whose own WHISKERS_NORMALIZERS have the id keeps to those.

With the embedded database no supervisor may run meanwhile; with DATABASE_URL it may.

  --local     take the image that is in the local store, and ask no registry; supervisors on other machines
              must be able to get it by its digest
  --replace   also in the place of another repository's image
  --json      one JSON document
`,
  options: { local: { type: "boolean" }, replace: { type: "boolean" }, json: { type: "boolean" } },
  positionals: [1, 1000],
  async run(args, context) {
    const references = args.positionals.map((text) => parseReference(text));
    const [local, replace, json] = [flag(args, "local"), flag(args, "replace"), flag(args, "json")];
    await using database = await openLedger(context);
    const done: Done[] = [];
    for (const reference of references) {
      const one = await install(reference, { local, replace }, database, context);
      done.push(one);
      if (!json) await context.out(`${sentence(one)}\n`);
    }
    if (json) {
      const installed = done.map(({ now, before }) => ({ ...now, replaced: before?.pinned ?? null }));
      await context.out(`${JSON.stringify({ installed }, null, 2)}\n`);
    }
    return 0;
  },
};

interface Done {
  readonly now: NewlyInstalled;
  /** What had its id. */
  readonly before: Installed | null;
}

async function install(
  reference: Reference,
  { local, replace }: { readonly local: boolean; readonly replace: boolean },
  database: Database,
  context: Context,
): Promise<Done> {
  const digest = local ? await digestHere(reference, context) : await pulledDigest(reference, context);
  const pinned: Reference = { ...reference, tag: null, digest };
  const { manifest } = await open(pinned, context);
  const before = (await listInstalled(database)).find(({ normalizer }) => normalizer === manifest.id) ?? null;
  if (before !== null && !replace && !isSameRepository(parseReference(before.pinned), pinned)) {
    throw new WhiskersError(
      "usage",
      `${familiarReference(reference)} has the id ${manifest.id}, which ${before.reference} is installed as; to put the one in the place of the other: --replace`,
    );
  }
  const now: NewlyInstalled = {
    normalizer: manifest.id,
    reference: formatReference(reference),
    pinned: formatReference(pinned),
    name: manifest.name,
    version: manifest.version,
    installedBy: `${userInfo().username}@${hostname()}`,
  };
  await putInstalled(database, now);
  return { now, before };
}

async function pulledDigest(reference: Reference, context: Context): Promise<string> {
  await using images = await openImages(context);
  const { descriptor } = await pullHere({ kind: "registry", reference }, reference, images, context);
  return descriptor.digest;
}

async function digestHere(reference: Reference, context: Context): Promise<string> {
  await using images = await openImages(context);
  const descriptor = await images.store.resolve(reference);
  if (descriptor !== null) return descriptor.digest;
  throw new WhiskersError("image-missing", `${familiarReference(reference)} is not in the image store`);
}

/** As a supervisor will: what it could not open is not installed. */
async function open(pinned: Reference, context: Context): Promise<Package> {
  await using packages = openPackages(context.settings(), "look");
  return await packages.catalogue.open(familiarReference(pinned));
}

function isSameRepository(one: Reference, other: Reference): boolean {
  return one.registry === other.registry && one.repository === other.repository;
}

function sentence({ now, before }: Done): string {
  const what = `${now.normalizer}${now.version === null ? "" : ` ${now.version}`}  ${now.pinned}`;
  if (before === null) return `${what}  installed`;
  if (before.pinned === now.pinned) return `${what}  was installed already`;
  return `${what}  installed, in the place of ${before.version ?? ""} ${before.pinned}`.replace(
    "of  ",
    "of ",
  );
}
