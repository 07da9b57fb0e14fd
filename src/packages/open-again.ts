import { stat } from "node:fs/promises";
import path from "node:path";

import type { Package } from "../domain/package.ts";

/** Opens a package by its reference. */
type Open = () => Promise<Package>;

/**
 * Remembers packages in archives and image layouts, and opens them again only when the file has changed: unpacking is
 * too much to do for every task. Folders and references to the store are cheap to look at, and looked at each time.
 */
export function openAgainWhenChanged(): (reference: string, open: Open) => Promise<Package> {
  const known = new Map<string, { readonly stamp: string; readonly pkg: Package }>();
  return async (reference, open) => {
    const stamp = await stampOf(reference);
    const found = known.get(reference);
    if (stamp !== null && found?.stamp === stamp) return found.pkg;
    const pkg = await open();
    if (stamp !== null) known.set(reference, { stamp, pkg });
    return pkg;
  };
}

/** Null: it is no file that says by its times whether it has changed. */
async function stampOf(reference: string): Promise<string | null> {
  const layout = reference.startsWith("oci:") ? reference.slice("oci:".length).split(":", 1)[0] : undefined;
  const file = layout === undefined ? reference : path.join(layout, "index.json");
  const stats = await stat(file, { bigint: true }).catch(() => null);
  if (stats === null || !stats.isFile()) return null;
  return `${stats.ino} ${stats.size} ${stats.mtimeNs} ${stats.ctimeNs}`;
}
