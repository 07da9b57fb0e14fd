import { readdir, readFile } from "node:fs/promises";
import path from "node:path";

import { normalName } from "../dependencies/normal-name.ts";
import {
  type Component,
  type Hash,
  hashOf,
  type Licence,
  licenceFrom,
  packageUrl,
  plainText,
} from "./component.ts";
import type { Installation } from "./list-components.ts";
import { readSmall } from "./read-small.ts";

/** What pip installed, by the metadata of each distribution; hashes as the requirements have them. */
export async function pipComponents({
  dependencies,
  folder,
  files,
}: Installation): Promise<readonly Component[]> {
  const python = path.join(dependencies, "python");
  const entries = await readdir(python, { withFileTypes: true }).catch(() => []);
  const hashes = new Map<string, readonly Hash[]>();
  for (const file of files.filter((each) => each.endsWith(".txt"))) {
    for (const [key, found] of lockedHashes(await readFile(path.join(folder, file), "utf8")))
      hashes.set(key, found);
  }
  const components: Component[] = [];
  for (const entry of entries) {
    const { name } = entry;
    if (!entry.isDirectory() || !name.endsWith(".dist-info")) continue;
    const metadata = await readSmall(path.join(python, name, "METADATA"));
    const component = metadata === null ? null : componentOf(metadata, hashes);
    if (component !== null) components.push(component);
  }
  return components;
}

function componentOf(metadata: string, hashes: ReadonlyMap<string, readonly Hash[]>): Component | null {
  const fields = fieldsOf(metadata);
  const name = plainText(fields.find(([key]) => key === "name")?.[1]);
  const version = plainText(fields.find(([key]) => key === "version")?.[1]);
  if (name === null || version === null) return null;
  const normalized = normalName(name);
  return {
    group: null,
    name,
    version,
    purl: packageUrl("pypi", [normalized], version),
    hashes: hashes.get(`${normalized} ${version}`) ?? [],
    licence: licenceOf(fields),
  };
}

type Field = readonly [key: string, value: string];

/** The head of core metadata, which is that of a mail. */
function fieldsOf(metadata: string): readonly Field[] {
  const [head = ""] = metadata.split(/\r?\n\r?\n/u, 1);
  return head.split(/\r?\n(?![ \t])/u).map((line): Field => {
    const colon = line.indexOf(":");
    return [line.slice(0, Math.max(colon, 0)).toLowerCase(), line.slice(colon + 1).trim()];
  });
}

const CLASSIFIER = "License :: ";

function licenceOf(fields: readonly Field[]): Licence | null {
  const valueOf = (wanted: string): string | null => plainText(fields.find(([key]) => key === wanted)?.[1]);
  const classified = fields
    .filter(([key, value]) => key === "classifier" && value.startsWith(CLASSIFIER))
    .map(([, value]) => value.split(" :: ").at(-1) ?? "");
  const named = valueOf("license") ?? plainText(classified.join(", "));
  return licenceFrom(valueOf("license-expression")) ?? (named === null ? null : { name: named });
}

/** Of requirements with one hash each, by name and version. Of several, nobody knows which archive was taken. */
function* lockedHashes(requirements: string): Generator<readonly [string, readonly Hash[]]> {
  for (const line of requirements.replaceAll(/\\\r?\n/gu, " ").split("\n")) {
    const pin = /^\s*(?<name>[\w.-]+)\s*(?:\[[^\]]*\])?\s*===?\s*(?<version>[^\s;*]+)/u.exec(line)?.groups;
    const found = [...line.matchAll(/--hash=sha256:(?<hex>[0-9a-fA-F]{64})/gu)];
    if (pin === undefined || found.length !== 1) continue;
    const hashes = hashOf("SHA-256", found[0]?.groups?.["hex"] ?? "");
    yield [`${normalName(pin["name"] ?? "")} ${pin["version"] ?? ""}`, hashes];
  }
}
