import path from "node:path";

import { isObject } from "../../domain/unknown.ts";
import { type Component, hashOf, licenceFrom, packageUrl, plainText } from "./component.ts";
import type { Installation } from "./list-components.ts";
import { readJson } from "./read-small.ts";

/** What composer installed, by the lock file: `packages-dev` is not. */
export async function composerComponents({ folder, files }: Installation): Promise<readonly Component[]> {
  const lock = await readJson(path.join(folder, files[0]));
  const packages: unknown = lock?.["packages"];
  if (!Array.isArray(packages)) return [];
  return packages
    .map((entry: unknown) => (isObject(entry) ? componentOf(entry) : null))
    .filter((each) => each !== null);
}

function componentOf(entry: Readonly<Record<string, unknown>>): Component | null {
  const [group, name, ...more] = plainText(entry["name"])?.split("/") ?? [];
  const version = plainText(entry["version"]);
  if (group === undefined || name === undefined || more.length > 0 || version === null) return null;
  const { dist, license } = entry;
  const shasum = isObject(dist) ? dist["shasum"] : undefined;
  const licences = Array.isArray(license) ? license.filter((each) => typeof each === "string") : [];
  return {
    group,
    name,
    version,
    purl: packageUrl("composer", [group.toLowerCase(), name.toLowerCase()], version),
    hashes: typeof shasum === "string" ? hashOf("SHA-1", shasum) : [],
    // Composer's manual: several are a choice.
    licence: licenceFrom(licences.join(" OR ")),
  };
}
