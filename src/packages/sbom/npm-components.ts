import { stat } from "node:fs/promises";
import path from "node:path";

import { isObject } from "../../domain/unknown.ts";
import { type Component, type Hash, hashOf, licenceFrom, packageUrl, plainText } from "./component.ts";
import type { Installation } from "./list-components.ts";
import { readJson } from "./read-small.ts";

const PREFIX = "node_modules/";

/** What npm installed, by the lock file: what of it is there. */
export async function npmComponents({
  dependencies,
  folder,
  files,
}: Installation): Promise<readonly Component[]> {
  const lock = await readJson(path.join(folder, files[0]));
  const packages = isObject(lock?.["packages"]) ? lock["packages"] : {};
  const components: Component[] = [];
  for (const [place, entry] of Object.entries(packages)) {
    if (!isObject(entry) || !place.startsWith(PREFIX) || place.split("/").includes("..")) continue;
    // Of another platform, or for development only.
    const isThere = await stat(path.join(dependencies, place)).then(
      () => true,
      () => false,
    );
    const component = isThere ? componentOf(place, entry) : null;
    if (component !== null) components.push(component);
  }
  return components;
}

function componentOf(place: string, entry: Readonly<Record<string, unknown>>): Component | null {
  // An alias has the name that it is really called.
  const full = plainText(entry["name"]) ?? place.slice(place.lastIndexOf(PREFIX) + PREFIX.length);
  const version = plainText(entry["version"]);
  const parts = full.split("/");
  const name = parts.pop();
  if (version === null || name === undefined || name === "" || parts.length > 1) return null;
  const { integrity, license } = entry;
  return {
    group: parts[0] ?? null,
    name,
    version,
    purl: packageUrl("npm", [...parts, name], version),
    hashes: typeof integrity === "string" ? integrityOf(integrity) : [],
    licence: licenceFrom(license),
  };
}

const ALGORITHMS: Readonly<Record<string, Hash["algorithm"]>> = {
  sha1: "SHA-1",
  sha256: "SHA-256",
  sha384: "SHA-384",
  sha512: "SHA-512",
};

/** Subresource Integrity: algorithms, each with Base64. */
function integrityOf(integrity: string): readonly Hash[] {
  return integrity
    .trim()
    .split(/\s+/u)
    .flatMap((each) => {
      const [name = "", base64 = ""] = each.split("-", 2);
      const algorithm = Object.hasOwn(ALGORITHMS, name) ? ALGORITHMS[name] : undefined;
      return algorithm === undefined ? [] : hashOf(algorithm, Buffer.from(base64, "base64").toString("hex"));
    });
}
