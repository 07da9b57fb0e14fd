import { access, readdir } from "node:fs/promises";
import path from "node:path";

import type { Package } from "../domain/package.ts";
import { fileTroubleOf, messageOf } from "../domain/unknown.ts";
import { WhiskersError } from "../errors.ts";
import type { Catalogue } from "../packages/catalogue.ts";

/** The normalizers that this process runs, by id, and any package folder by its path. */
export interface Normalizers extends Catalogue {
  /** Ids, sorted. */
  readonly ids: readonly string[];
  has(reference: string): boolean;
  /** Looks whether a folder has changed; one that cannot be read any more stays as it was, and is named. */
  refresh(): Promise<readonly string[]>;
}

/**
 * Opens package folders, and the package folders in folders.
 * @throws WhiskersError `config-invalid` a path is none, or two packages have one id; else as `Catalogue.open`
 */
export async function openNormalizers(paths: readonly string[], catalogue: Catalogue): Promise<Normalizers> {
  const folders = (await Promise.all(paths.map(packageFolders))).flat();
  const byId = new Map<string, { readonly folder: string; pkg: Package }>();
  for (const folder of new Set(folders)) {
    const pkg = await catalogue.open(folder);
    const other = byId.get(pkg.manifest.id);
    if (other !== undefined) {
      const message = `WHISKERS_NORMALIZERS: ${folder} and ${other.folder} both have the id ${pkg.manifest.id}`;
      throw new WhiskersError("config-invalid", message);
    }
    byId.set(pkg.manifest.id, { folder, pkg });
  }
  return {
    ids: [...byId.keys()].toSorted(),
    has: (reference) => byId.has(reference) || path.isAbsolute(reference),
    async open(reference) {
      return byId.get(reference)?.pkg ?? catalogue.open(reference);
    },
    async refresh() {
      const troubles: string[] = [];
      for (const [id, entry] of byId) {
        try {
          const pkg = await catalogue.open(entry.folder);
          if (pkg.manifest.id === id) entry.pkg = pkg;
          else troubles.push(`${entry.folder} now has the id ${pkg.manifest.id}: restart to use it`);
        } catch (error) {
          troubles.push(messageOf(error));
        }
      }
      return troubles;
    },
  };
}

async function packageFolders(given: string): Promise<readonly string[]> {
  const folder = path.resolve(given);
  if (await isPackage(folder)) return [folder];
  let names: readonly string[];
  try {
    names = await readdir(folder);
  } catch (cause) {
    const message = `WHISKERS_NORMALIZERS: ${given}: ${fileTroubleOf(cause)}`;
    throw new WhiskersError("config-invalid", message, { cause });
  }
  const found: string[] = [];
  for (const name of names.toSorted()) {
    const inside = path.join(folder, name);
    if (await isPackage(inside)) found.push(inside);
  }
  if (found.length === 0) {
    throw new WhiskersError("config-invalid", `WHISKERS_NORMALIZERS: no package in ${given}`);
  }
  return found;
}

function isPackage(folder: string): Promise<boolean> {
  return access(path.join(folder, "normalizer.json")).then(
    () => true,
    () => false,
  );
}
