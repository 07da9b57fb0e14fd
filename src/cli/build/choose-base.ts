import { realpath, stat } from "node:fs/promises";
import path from "node:path";

import type { Guest } from "../../domain/package.ts";
import { WhiskersError } from "../../errors.ts";
import type { Base } from "../../packages/build/base.ts";
import { digestTree } from "../../packages/roots/digest-tree.ts";
import { ROOT_RECIPES } from "../../packages/roots/recipes.ts";
import { findRoot } from "../../packages/roots/root-store.ts";
import { rootNameOf } from "../../packages/roots/wanted-root.ts";
import type { Context } from "../command.ts";
import { findImage } from "../images/find-image.ts";
import type { Images } from "../images/open-images.ts";

/**
 * What `--base` means: `none`, the name of a base root, a folder with a root filesystem, or an image anywhere. Not
 * given: the base root that the package's environment names.
 * @throws WhiskersError `environment-missing`, `usage`; those of pulling
 */
export async function chooseBase(
  given: string | undefined,
  guest: Guest,
  images: Images,
  context: Context,
): Promise<Base> {
  if (given === "none") return { kind: "none" };
  const name = given ?? rootNameOf(guest);
  if (name === null) {
    throw new WhiskersError(
      "usage",
      "its environment names no base root: say --base NAME, an image or a folder, or --base none",
    );
  }
  const { home } = context.settings();
  if (name in ROOT_RECIPES) {
    const root = await findRoot(home, name);
    if (root !== null) return { kind: "root", root };
    const message = `its base root was not made here: whiskers root make ${name} (or build with --base none)`;
    throw new WhiskersError("environment-missing", message);
  }
  if (given === undefined) {
    throw new WhiskersError("environment-missing", `there is no base root ${name}: say --base`);
  }
  if (await isFolder(given)) return folderBase(given);
  return { kind: "image", ...(await findImage(given, images, context.signal)) };
}

async function isFolder(given: string): Promise<boolean> {
  return stat(given).then(
    (stats) => stats.isDirectory(),
    () => false,
  );
}

async function folderBase(given: string): Promise<Base> {
  const folder = await realpath(given);
  const isLayout = await stat(path.join(folder, "oci-layout")).then(
    () => true,
    () => false,
  );
  if (isLayout) {
    throw new WhiskersError("usage", `--base ${given} is an OCI image layout: write oci:${given}`);
  }
  // Not by its name: the same base has the same name, wherever it lies.
  const digest = await digestTree(folder);
  return { kind: "root", root: { name: digest, digest, folder } };
}
