import { lstat, readdir, readFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";

import type { Installer } from "./installer.ts";
import { normalName } from "./normal-name.ts";

/** Wheels only: building a source distribution would run its code, and give other bytes on another machine. */
export const pip: Installer = {
  tool: ({ manifest: { guest }, root }, tools) =>
    tools.pip(guest.kind === "python" ? guest.version : null, root),
  beside: [],
  arguments: ({ lockFile, out, cache }) => [
    "install",
    "--only-binary=:all:",
    "--no-compile",
    "--no-input",
    "--disable-pip-version-check",
    "--no-warn-script-location",
    "--progress-bar=off",
    `--cache-dir=${cache}`,
    `--target=${out}/python`,
    `--requirement=${path.posix.basename(lockFile)}`,
  ],
  env: () => ({ PYTHONNOUSERSITE: "1", PYTHONDONTWRITEBYTECODE: "1", PYTHONHASHSEED: "0" }),
  product: () => "out/python",
  async tidy({ work, out, requirements }) {
    const folder = path.join(out, "python");
    // Programs name the interpreter of the machine that installed them, and no normalizer starts them.
    await rm(path.join(folder, "bin"), { recursive: true, force: true });
    const installed: string[] = [];
    const found = await readdir(folder, { withFileTypes: true });
    for (const name of found
      .filter((one) => one.isDirectory())
      .map((one) => one.name)
      .toSorted()) {
      const distribution = /^(?<name>.+)-(?<version>[^-]+)\.dist-info$/u.exec(name)?.groups;
      if (distribution === undefined) continue;
      installed.push(`${distribution["name"]}==${distribution["version"]}`);
      await tidyRecord(path.join(folder, name, "RECORD"));
      await rm(path.join(folder, name, "direct_url.json"), { force: true });
    }
    return unpinned(installed, await readFile(path.join(work, requirements.files[0]), "utf8"));
  },
};

/** The list of files, without those that are left out. */
async function tidyRecord(file: string): Promise<void> {
  if (!(await lstat(file).catch(() => null))?.isFile()) return;
  const lines = (await readFile(file, "utf8")).split(/\r?\n/u).filter((line) => line !== "");
  const kept = lines.filter((line) => !/^"?(?:\.\.\/)*bin\/|\/direct_url\.json,/u.test(line));
  await rm(file);
  await writeFile(file, `${kept.toSorted().join("\n")}\n`);
}

/** Distributions whose version no requirement says: another day may bring another one. */
function unpinned(installed: readonly string[], requirements: string): readonly string[] {
  const pinned = new Set(
    [
      ...requirements.matchAll(/^\s*(?<name>[\w.-]+)\s*(?:\[[^\]]*\])?\s*===?\s*[^\s;*]+(?:\s|;|\\|$)/gmu),
    ].map(({ groups }) => normalName(groups?.["name"] ?? "")),
  );
  const loose = installed.filter((one) => !pinned.has(normalName(one.split("==")[0] ?? "")));
  return loose.length === 0
    ? []
    : [`not pinned by the requirements, so another day may install another version: ${loose.join(", ")}`];
}
