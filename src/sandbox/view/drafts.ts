import { randomInt } from "node:crypto";
import { lstat, readdir, rm } from "node:fs/promises";
import path from "node:path/posix";

import { isStaleSandbox, sandboxNamePrefix } from "../cgroup/owner.ts";

const BLOCKS = "microvm/cache/blocks";
/** Where drivers keep what they make before it is whole, below their folder. */
const FOLDERS = [
  "",
  "compiled",
  "roots",
  "oci/inits",
  "microvm",
  BLOCKS,
  "microvm/initramfs",
  "microvm/kernels",
  "microvm/snapshots",
];
/** As many numbers as a name may have. */
const NUMBERS = 2 ** 47;
/** Of a draft whose process cannot be found, as that of another container: making one takes minutes. */
const OLD_MS = 24 * 3_600_000;

/** The end of a draft's name: nobody else's, and it tells which process makes it. */
export function newDraftName(): string {
  return `${sandboxNamePrefix()}${randomInt(NUMBERS)}`;
}

/** Removes drafts of processes that have ended before they were whole. Any number of processes may do this at once. */
export async function removeStaleDrafts(stateDirectory: string): Promise<void> {
  for (const folder of FOLDERS) {
    const at = path.join(stateDirectory, folder);
    for (const name of await readdir(at).catch(() => [])) {
      const [, owner] = /^.+(whiskers-\d+-\d+-\d+-\d+)$/u.exec(name) ?? [];
      // Block devices are made by who knows no owner.
      if (owner === undefined && !(folder === BLOCKS && name.startsWith("."))) continue;
      const draft = path.join(at, name);
      if (!(owner !== undefined && isStaleSandbox(owner)) && !(await isOld(draft))) continue;
      // It may be another user's.
      await rm(draft, { recursive: true, force: true }).catch(() => {});
    }
  }
}

async function isOld(file: string): Promise<boolean> {
  const found = await lstat(file).catch(() => null);
  return found !== null && found.mtimeMs < Date.now() - OLD_MS;
}
