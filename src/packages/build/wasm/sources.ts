import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import path from "node:path";

import { listFolder } from "../../list-folder.ts";

export interface Sources {
  /** Of their names and contents. */
  readonly digest: string;
  /** Changes whenever somebody but a compiler touches one of them. */
  readonly stamp: string;
}

/** Written by whoever compiles: cargo. */
const LOCK = "Cargo.lock";

/**
 * What a module is compiled from: all of its package's folder but itself, the manifest, and what is installed there, which lock
 * files stand for.
 */
export async function listSources(folder: string, module: string): Promise<Sources> {
  const entries = (await listFolder(folder)).filter((one) => {
    const names = one.path.split("/");
    return (
      one.path !== module &&
      one.path !== "normalizer.json" &&
      !names.includes("node_modules") &&
      !names.some(isDraft)
    );
  });
  const digest = createHash("sha256");
  for (const entry of entries) {
    const content = entry.kind === "link" ? entry.target : await hashOf(path.join(folder, entry.path));
    digest.update(JSON.stringify([entry.path, entry.kind, content]));
  }
  const stamps = entries.filter((one) => one.path !== LOCK).map((one) => [one.path, one.stamp]);
  return { digest: digest.digest("hex"), stamp: JSON.stringify(stamps) };
}

async function hashOf(file: string): Promise<string> {
  return createHash("sha256")
    .update(await readFile(file))
    .digest("hex");
}

/** A folder in which a module is made before it is put in place. */
export function isDraft(name: string): boolean {
  return name.startsWith(".draft-");
}
