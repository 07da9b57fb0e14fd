import type { Requirements } from "../../domain/package.ts";
import type { Component } from "./component.ts";
import { composerComponents } from "./composer-components.ts";
import { npmComponents } from "./npm-components.ts";
import { pipComponents } from "./pip-components.ts";

/** What was installed for a package. */
export interface Installation {
  /** Absolute; holds `python/`, `node_modules/` or `vendor/`. */
  readonly dependencies: string;
  /** Absolute; the package, with its lock file. */
  readonly folder: string;
  /** Of the package: the lock file, then what it needs beside it. */
  readonly files: Requirements["files"];
}

const LISTS: Readonly<
  Record<Requirements["ecosystem"], (installation: Installation) => Promise<readonly Component[]>>
> = { pip: pipComponents, npm: npmComponents, composer: composerComponents };

/** Every library in it once, in the order of their package URLs. */
export async function listComponents(
  { ecosystem, files }: Requirements,
  folders: Pick<Installation, "dependencies" | "folder">,
): Promise<readonly Component[]> {
  const found = await LISTS[ecosystem]({ ...folders, files });
  const once = new Map(found.map((component) => [component.purl, component]));
  return [...once.values()].toSorted((a, b) => (a.purl < b.purl ? -1 : 1));
}
