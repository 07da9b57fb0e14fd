import { randomInt } from "node:crypto";
import { readdir, rm } from "node:fs/promises";
import path from "node:path/posix";

import { isStaleSandbox, sandboxNamePrefix } from "../cgroup/owner.ts";

/** Where drivers keep what they make before it is whole, below their folder. */
const FOLDERS = ["", "compiled", "roots", "oci/inits"];
/** As many numbers as a name may have. */
const NUMBERS = 2 ** 47;

/** The end of a draft's name: nobody else's, and it tells which process makes it. */
export function newDraftName(): string {
  return `${sandboxNamePrefix()}${randomInt(NUMBERS)}`;
}

/** Removes drafts of processes that have ended before they were whole. Any number of processes may do this at once. */
export async function removeStaleDrafts(stateDirectory: string): Promise<void> {
  for (const folder of FOLDERS) {
    const at = path.join(stateDirectory, folder);
    for (const file of await readdir(at).catch(() => [])) {
      const [, owner] = /^.+(whiskers-\d+-\d+-\d+-\d+)$/u.exec(file) ?? [];
      if (owner !== undefined && isStaleSandbox(owner))
        await rm(path.join(at, file), { recursive: true, force: true });
    }
  }
}
