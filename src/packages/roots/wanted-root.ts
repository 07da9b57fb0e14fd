import type { Guest, Root } from "../../domain/package.ts";
import { WhiskersError } from "../../errors.ts";
import { ROOT_RECIPES } from "./recipes.ts";
import { findRoot } from "./root-store.ts";

/**
 * `auto`: the base root of a package's environment when it was made here, else what the machine has installed;
 * `machine`: always the latter; `required`: always the former.
 */
export type RootPolicy = "auto" | "machine" | "required";

/**
 * The base root that a package runs on; null: what the machine has.
 * @throws WhiskersError `environment-missing` it is required, and was not made here
 */
export async function wantedRoot(guest: Guest, home: string, policy: RootPolicy): Promise<Root | null> {
  if (policy === "machine") return null;
  const name = rootNameOf(guest);
  const found = name === null ? null : await findRoot(home, name);
  if (found !== null) return { name: found.name, digest: found.digest, folder: found.folder };
  if (policy === "auto") return null;
  throw new WhiskersError("environment-missing", whyMissing(name, guest));
}

const PHP_OF_ROOT = "8.2";

/** The base root that a package names. Only what a manifest says is taken for a wish: `python` alone wants no certain one. */
export function rootNameOf(guest: Guest): string | null {
  switch (guest.kind) {
    case "python":
      return guest.version === null ? null : `python:${guest.version}`;
    case "javascript":
      return "node";
    case "php":
      return guest.version === null || guest.version === PHP_OF_ROOT ? "php" : `php:${guest.version}`;
    case "program":
      return "plain";
    case "command":
      return guest.root ?? null;
    case "wasm":
      return null;
  }
}

function whyMissing(name: string | null, guest: Guest): string {
  if (name === null) {
    const words = guest.kind === "python" ? '"python:3.11" or the like' : '"plain" or "php"';
    return `WHISKERS_ROOTS is required, and its \`environment\` names no base root: write ${words}`;
  }
  return name in ROOT_RECIPES
    ? `its base root was not made here: whiskers root make ${name}`
    : `there is no base root ${name}; there are: ${Object.keys(ROOT_RECIPES).join(", ")}`;
}
