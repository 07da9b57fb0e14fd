import { rename, rm } from "node:fs/promises";
import path from "node:path";

import { codeOf } from "../../domain/unknown.ts";
import type { Installer } from "./installer.ts";

/** `npm ci`: exactly what the lock file says, each archive held to its hash, no scripts of what is installed. */
export const npm: Installer = {
  tool: (_wanted, tools) => tools.npm(),
  beside: ["package.json"],
  arguments: ({ cache }) => [
    "ci",
    "--ignore-scripts",
    "--omit=dev",
    "--no-audit",
    "--no-fund",
    "--no-progress",
    "--no-update-notifier",
    "--loglevel=error",
    `--cache=${cache}`,
  ],
  env: () => ({}),
  product: ({ files: [lockFile] }) => path.posix.join(path.posix.dirname(lockFile), "node_modules"),
  async tidy({ work, out, requirements }) {
    const installed = path.join(work, this.product(requirements));
    // It may name the registry of this machine's owner.
    await rm(path.join(installed, ".package-lock.json"), { force: true });
    await moveIfThere(installed, path.join(out, "node_modules"));
    return [];
  },
};

/** A lock file may name nothing. */
export async function moveIfThere(from: string, to: string): Promise<void> {
  await rename(from, to).catch((error: unknown) => {
    if (codeOf(error) !== "ENOENT") throw error;
  });
}
