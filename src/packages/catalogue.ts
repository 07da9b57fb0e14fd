import type { Package } from "../domain/package.ts";
import { openPackage } from "./open-package.ts";
import { type RootPolicy, wantedRoot } from "./roots/wanted-root.ts";

/** Packages by reference. As long as a package does not change, `open` returns the very same object. */
export interface Catalogue {
  /** @throws WhiskersError as `openPackage`; `environment-missing` its base root is required and not there */
  open(reference: string): Promise<Package>;
}

export interface CatalogueOptions {
  /** Copies of packages lie below it, and base roots. */
  readonly home: string;
  /** Default `machine`. */
  readonly roots?: RootPolicy | undefined;
}

/** A catalogue of package folders, whose copies lie under `home`. Every `open` looks whether the folder has changed. */
export function openCatalogue(options: CatalogueOptions): Catalogue {
  const byDigest = new Map<string, Package>();
  return {
    async open(folder: string): Promise<Package> {
      const opened = await openPackage(folder, options);
      const root = await wantedRoot(opened.manifest.guest, options.home, options.roots ?? "machine");
      const key = `${opened.digest} ${root?.digest ?? ""}`;
      const known = byDigest.get(key);
      if (known !== undefined) return known;
      const pkg = { ...opened, root };
      byDigest.set(key, pkg);
      return pkg;
    },
  };
}
