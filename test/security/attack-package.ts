import { createHash, randomBytes } from "node:crypto";
import { chmodSync, copyFileSync, cpSync, mkdirSync, readFileSync, symlinkSync } from "node:fs";
import path from "node:path";

import type { Package, Root } from "../../src/domain/package.ts";
import { parseManifest } from "../../src/packages/manifest.ts";
import type { HostTargets } from "./host-targets.ts";

const ATTACKS = path.join(import.meta.dirname, "attacks");

/**
 * A fresh copy of an attack as a package, ready to be run. It is not taken through the package store:
 * it holds links that the store would refuse, since a sandbox must hold without the store's help.
 */
export function makeAttackPackage(name: string, targets: HostTargets, root: Root | null = null): Package {
  const folder = path.join(
    targets.folder,
    "packages",
    `${targets.brief.marker}-${randomBytes(6).toString("hex")}`,
  );
  mkdirSync(path.dirname(folder), { recursive: true });
  cpSync(path.join(ATTACKS, name), folder, { recursive: true });
  copyFileSync(path.join(ATTACKS, "probe.py"), path.join(folder, "probe.py"));
  const [canary = ""] = targets.brief.canaryFiles;
  symlinkSync(canary, path.join(folder, "loot"));
  symlinkSync(`${"../".repeat(20)}${canary.slice(1)}`, path.join(folder, "climb"));
  symlinkSync(targets.folder, path.join(folder, "folder"));
  chmodSync(folder, 0o755);
  const file = path.join(folder, "normalizer.json");
  return {
    manifest: parseManifest(readFileSync(file, "utf8"), file),
    digest: `sha256:${createHash("sha256").update(folder).digest("hex")}`,
    root,
    dependencies: null,
    folder,
  };
}
