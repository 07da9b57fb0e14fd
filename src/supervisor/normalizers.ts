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
  has(reference: string): boolean;
  /**
   * Looks whether a folder has changed, and whether folders of packages hold others now. One that cannot be read
   * any more, or whose id another has, is left as it was or out, and is named.
   */
  refresh(): Promise<Refreshed>;
}

export interface Refreshed {
  /** Ids. */
  readonly added: readonly string[];
  readonly removed: readonly string[];
  readonly troubles: readonly string[];
}

interface Entry {
  readonly folder: string;
  pkg: Package;
}

/**
 * Opens packages: folders, ZIPs and images, and the package folders in folders.
 * @throws WhiskersError `config-invalid` a path is none, or two packages have one id; else as `Catalogue.open`
 */
export async function openNormalizers(paths: readonly string[], catalogue: Catalogue): Promise<Normalizers> {
  const byId = new Map<string, Entry>();
  for (const folder of await allFolders(paths)) {
    const pkg = await catalogue.open(folder);
    const trouble = sameId(byId, folder, pkg);
    if (trouble !== null) throw new WhiskersError("config-invalid", `WHISKERS_NORMALIZERS: ${trouble}`);
    byId.set(pkg.manifest.id, { folder, pkg });
  }
  return {
    get ids() {
      return [...byId.keys()].toSorted();
    },
    has: (reference) => byId.has(reference) || path.isAbsolute(reference) || isImageReference(reference),
    async open(reference) {
      return byId.get(reference)?.pkg ?? catalogue.open(reference);
    },
    refresh: () => refresh(paths, byId, catalogue),
  };
}

async function refresh(
  paths: readonly string[],
  byId: Map<string, Entry>,
  catalogue: Catalogue,
): Promise<Refreshed> {
  const before = new Set(byId.keys());
  const troubles: string[] = [];
  let folders: readonly string[];
  try {
    folders = await allFolders(paths);
  } catch (error) {
    // A folder of packages that is away for a moment takes no normalizer with it.
    return { added: [], removed: [], troubles: [messageOf(error)] };
  }
  const there = new Set(folders);
  for (const [id, { folder }] of byId) if (!there.has(folder)) byId.delete(id);
  const idOf = new Map([...byId].map(([id, { folder }]) => [folder, id]));
  for (const folder of there) {
    try {
      const pkg = await catalogue.open(folder);
      const { id } = pkg.manifest;
      const trouble = sameId(byId, folder, pkg);
      if (trouble !== null) {
        troubles.push(trouble);
        continue;
      }
      const earlier = idOf.get(folder);
      if (earlier !== undefined && earlier !== id) byId.delete(earlier);
      byId.set(id, { folder, pkg });
    } catch (error) {
      troubles.push(messageOf(error));
    }
  }
  return {
    added: [...byId.keys()].filter((id) => !before.has(id)),
    removed: [...before].filter((id) => !byId.has(id)),
    troubles,
  };
}

/** Null: no other folder's package has this id. */
function sameId(byId: ReadonlyMap<string, Entry>, folder: string, { manifest }: Package): string | null {
  const other = byId.get(manifest.id);
  if (other === undefined || other.folder === folder) return null;
  return `${folder} and ${other.folder} both have the id ${manifest.id}`;
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
