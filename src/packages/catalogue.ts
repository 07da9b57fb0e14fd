import type { Package } from "../domain/package.ts";
import { openPackage } from "./open-package.ts";

/** Packages by reference. As long as a package does not change, `open` returns the very same object. */
export interface Catalogue {
  /** @throws WhiskersError as `openPackage` */
  open(reference: string): Promise<Package>;
}

/** A catalogue of package folders, whose copies lie under `home`. Every `open` looks whether the folder has changed. */
export function openCatalogue(options: { readonly home: string }): Catalogue {
  const byDigest = new Map<string, Package>();
  return {
    async open(folder: string): Promise<Package> {
      const opened = await openPackage(folder, options);
      const known = byDigest.get(opened.digest);
      if (known !== undefined) return known;
      byDigest.set(opened.digest, opened);
      return opened;
    },
  };
}
