import { stat } from "node:fs/promises";
import path from "node:path";

import type { Package } from "../domain/package.ts";
import { fileTroubleOf, messageOf } from "../domain/unknown.ts";
import { WhiskersError } from "../errors.ts";
import type { Catalogue } from "../packages/catalogue.ts";
import { findPackageFolders, isPackage } from "../packages/find-package-folders.ts";
import { absoluteReference, isImageReference } from "../packages/open-reference.ts";

/** The normalizers that this process runs, by id, and any package by its path or image reference. */
export interface Normalizers extends Catalogue {
  /** Ids, sorted. */
  readonly ids: readonly string[];
  /** What is opened now, and where it is. */
  readonly entries: readonly NormalizerEntry[];
  has(reference: string): boolean;
  /**
   * Looks whether a folder has changed, whether folders of packages hold others now, and what is installed. One that
   * cannot be read any more, or whose id another has, is left as it was or out, and is named. What the settings
   * name goes before what is installed.
   */
  refresh(installed: readonly InstalledPackage[]): Promise<Refreshed>;
}

export interface Refreshed {
  /** Ids. */
  readonly added: readonly string[];
  readonly removed: readonly string[];
  readonly troubles: readonly Trouble[];
}

export interface Trouble {
  readonly reason: string;
  /** The id of what is installed and cannot be used; null: it is in the settings. */
  readonly installed: string | null;
}

/** What somebody installed for every supervisor on the database. */
export interface InstalledPackage {
  /** Id. */
  readonly normalizer: string;
  /** `REGISTRY/REPOSITORY@DIGEST`. */
  readonly pinned: string;
}

/** Where a package is to be had. */
interface Source {
  readonly reference: string;
  /** The id under which it was installed; null: the settings name it. */
  readonly installed: string | null;
}

export interface NormalizerEntry extends Source {
  readonly pkg: Package;
}

/**
 * Opens packages: folders, ZIPs and images, and the package folders in folders. What is installed comes with the
 * first `refresh`.
 * @throws WhiskersError `config-invalid` a path is none, or two packages have one id; else as `Catalogue.open`
 */
export async function openNormalizers(paths: readonly string[], catalogue: Catalogue): Promise<Normalizers> {
  let byId: ReadonlyMap<string, NormalizerEntry> = await openAll(paths, catalogue);
  return {
    get ids() {
      return [...byId.keys()].toSorted();
    },
    get entries() {
      return [...byId.values()];
    },
    has: (reference) => byId.has(reference) || path.isAbsolute(reference) || isImageReference(reference),
    async open(reference) {
      return byId.get(reference)?.pkg ?? catalogue.open(reference);
    },
    async refresh(installed) {
      const before = byId;
      const { entries, troubles } = await openAgain(paths, before, catalogue, installed);
      byId = entries;
      return {
        added: [...entries.keys()].filter((id) => !before.has(id)),
        removed: [...before.keys()].filter((id) => !entries.has(id)),
        troubles,
      };
    },
  };
}

async function openAll(
  paths: readonly string[],
  catalogue: Catalogue,
): Promise<ReadonlyMap<string, NormalizerEntry>> {
  const byId = new Map<string, NormalizerEntry>();
  for (const reference of await allFolders(paths)) {
    const entry = { reference, installed: null, pkg: await catalogue.open(reference) };
    const trouble = sameId(byId, entry);
    if (trouble !== null) throw new WhiskersError("config-invalid", `WHISKERS_NORMALIZERS: ${trouble}`);
    byId.set(entry.pkg.manifest.id, entry);
  }
  return byId;
}

async function openAgain(
  paths: readonly string[],
  before: ReadonlyMap<string, NormalizerEntry>,
  catalogue: Catalogue,
  installed: readonly InstalledPackage[],
): Promise<{
  readonly entries: ReadonlyMap<string, NormalizerEntry>;
  readonly troubles: readonly Trouble[];
}> {
  const entries = new Map<string, NormalizerEntry>();
  const troubles: Trouble[] = [];
  const keep = (entry: NormalizerEntry | undefined): void => {
    if (entry !== undefined && !entries.has(entry.pkg.manifest.id)) entries.set(entry.pkg.manifest.id, entry);
  };
  let folders: readonly string[];
  try {
    folders = await allFolders(paths);
  } catch (error) {
    // A folder of packages that is away for a moment takes no normalizer with it.
    troubles.push({ reason: messageOf(error), installed: null });
    folders = [...before.values()]
      .filter((entry) => entry.installed === null)
      .map(({ reference }) => reference);
  }
  const byReference = new Map([...before.values()].map((entry) => [entry.reference, entry]));
  const isNew = (reference: string): number => Number(!byReference.has(reference));
  const sources: readonly Source[] = [
    // One that came later takes no other's id.
    ...folders.toSorted((a, b) => isNew(a) - isNew(b)).map((reference) => ({ reference, installed: null })),
    ...installed.map(({ normalizer, pinned }) => ({ reference: pinned, installed: normalizer })),
  ];
  for (const source of sources) {
    try {
      const entry = { ...source, pkg: await catalogue.open(source.reference) };
      const trouble = sameId(entries, entry) ?? otherId(entry);
      if (trouble === null) entries.set(entry.pkg.manifest.id, entry);
      else troubles.push({ reason: trouble, installed: source.installed });
    } catch (error) {
      troubles.push({ reason: messageOf(error), installed: source.installed });
      keep(source.installed === null ? byReference.get(source.reference) : before.get(source.installed));
    }
  }
  return { entries, troubles };
}

/** Null: no other package has this id. */
function sameId(
  byId: ReadonlyMap<string, NormalizerEntry>,
  { pkg, ...source }: NormalizerEntry,
): string | null {
  const other = byId.get(pkg.manifest.id);
  if (other === undefined || other.reference === source.reference) return null;
  const [one, two] = [source, other].map((each) =>
    each.installed === null ? each.reference : `${each.reference} (installed)`,
  );
  return `${one} and ${two} both have the id ${pkg.manifest.id}`;
}

/** Null: what was installed is what its manifest says. */
function otherId({ installed, reference, pkg }: NormalizerEntry): string | null {
  if (installed === null || installed === pkg.manifest.id) return null;
  return `${reference} was installed as ${installed}, and its manifest says ${pkg.manifest.id}`;
}

async function allFolders(paths: readonly string[]): Promise<readonly string[]> {
  return [...new Set((await Promise.all(paths.map(packageFolders))).flat())];
}

async function packageFolders(given: string): Promise<readonly string[]> {
  const folder = absoluteReference(given);
  if (!path.isAbsolute(folder)) return [folder];
  if (await isPackage(folder)) return [folder];
  // A ZIP, or the archive of an image.
  if (await isFile(folder)) return [folder];
  const found = await findPackageFolders(folder).catch((cause: unknown) => {
    const message = `WHISKERS_NORMALIZERS: ${given}: ${fileTroubleOf(cause)}`;
    throw new WhiskersError("config-invalid", message, { cause });
  });
  if (found.length === 0) {
    throw new WhiskersError("config-invalid", `WHISKERS_NORMALIZERS: no package in ${given}`);
  }
  return found;
}

function isFile(file: string): Promise<boolean> {
  return stat(file).then(
    (stats) => stats.isFile(),
    () => false,
  );
}
