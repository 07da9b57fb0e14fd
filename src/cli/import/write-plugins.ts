import { cp, mkdir, readFile, stat, writeFile } from "node:fs/promises";
import path from "node:path";

import { fileTroubleOf, isObject } from "../../domain/unknown.ts";
import { WhiskersError } from "../../errors.ts";
import { distributionOf } from "./distributions.ts";
import type { Plugin, Tree } from "./read-plugins.ts";

/** File in a copy that names the libraries; a `requirements.txt` beside it is the boefje's. */
const REQUIREMENTS = "requirements.normalizer.txt";

/**
 * Writes a copy of every OpenKAT normalizer that could be read into `target`, one folder each, by id: its folder, the
 * modules of other plugins that it imports, and a manifest that says how it is called and what it needs.
 * @throws WhiskersError `usage` a copy is there already
 */
export async function writePlugins({ root, plugins }: Tree, target: string): Promise<readonly string[]> {
  const written: string[] = [];
  for (const plugin of plugins) {
    if (plugin.kind !== "openkat" || plugin.id === null || plugin.problems.length > 0) continue;
    const folder = path.join(target, plugin.id);
    if (await exists(folder)) throw new WhiskersError("usage", `${folder} is there already`);
    await writePlugin(plugin, root, folder);
    written.push(folder);
  }
  return written;
}

async function writePlugin(plugin: Plugin, root: string, folder: string): Promise<void> {
  try {
    await mkdir(path.dirname(folder), { recursive: true });
    await cp(path.join(root, plugin.folder), folder, { recursive: true, verbatimSymlinks: true });
    for (const file of plugin.copies) {
      const copy = path.join(folder, "boefjes/plugins", file);
      await mkdir(path.dirname(copy), { recursive: true });
      await cp(path.join(root, file), copy);
    }
    await writeManifest(plugin, root, folder);
  } catch (cause) {
    throw new WhiskersError("usage", `cannot write ${folder}: ${fileTroubleOf(cause)}`, { cause });
  }
}

async function writeManifest(plugin: Plugin, root: string, folder: string): Promise<void> {
  const file = path.join(folder, "normalizer.json");
  const manifest: unknown = JSON.parse(await readFile(file, "utf8"));
  if (!isObject(manifest)) throw new Error("the manifest has changed");
  const requirements = await requirementsOf(plugin, path.join(root, plugin.folder));
  if (requirements.length > 0)
    await writeFile(path.join(folder, REQUIREMENTS), `${requirements.join("\n")}\n`);
  const written = {
    ...manifest,
    environment: manifest["environment"] ?? "python",
    convention: "openkat",
    ...(requirements.length > 0 ? { dependencies: REQUIREMENTS } : {}),
  };
  await writeFile(file, `${JSON.stringify(written, null, 2)}\n`);
}

/** Its libraries, with the versions that the plugin's own requirements.txt gives them. */
async function requirementsOf({ needs }: Plugin, folder: string): Promise<readonly string[]> {
  const own = await readFile(path.join(folder, "requirements.txt"), "utf8").catch(() => "");
  const pinned = new Map(
    own.split(/\r?\n/u).map((line) => [normal(/^\s*([\w.-]*)/u.exec(line)?.[1] ?? ""), line.trim()]),
  );
  const names = needs
    .filter(({ kind, optional }) => kind === "library" && !optional)
    .map(({ name }) => distributionOf(name));
  return [...new Set(names)].toSorted().map((name) => pinned.get(normal(name)) ?? name);
}

/** As the Python packaging specifications have it, "Name normalization". */
function normal(name: string): string {
  return name.toLowerCase().replaceAll(/[-_.]+/gu, "-");
}

function exists(file: string): Promise<boolean> {
  return stat(file).then(
    () => true,
    () => false,
  );
}
