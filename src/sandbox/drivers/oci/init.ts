import { createHash } from "node:crypto";
import { chmod, copyFile, readFile, rename, stat } from "node:fs/promises";
import path from "node:path/posix";

import { findInRoot, resolveInRoot } from "../../view/find-in-root.ts";
import { makeFolder } from "../../view/make-folder.ts";
import { INSIDE } from "../../view/view.ts";
import type { Entry } from "../../view/view.ts";
import type { Runtime } from "./runtimes.ts";

const INSIDE_SHELL = `${INSIDE.bin}/sh`;

/**
 * What has to be visible for the first process of a container: the shell of this machine, or of the root that the
 * container runs on, as a copy that may be run and not be read. A process of a program that it may not read is not
 * dumpable (execve(2), "would_dump"), so no other of the same user can reach its memory, and outlive its run in it.
 * Empty: the root has no shell.
 */
export async function initEntries(
  rootFolder: string | null,
  folder: string,
  draftName: string,
  runtime: Runtime,
): Promise<readonly Entry[]> {
  const shell = rootFolder === null ? "/bin/sh" : shellOf(rootFolder);
  if (shell === null) return [];
  const name = createHash("sha256")
    .update(await readFile(shell))
    .digest("hex");
  // gVisor's kernel runs nothing that it may not read, and has no /proc/PID/mem. Its owner may be who runs it.
  const mode = runtime.ownKernel ? 0o755 : 0o111;
  const copy = path.join(folder, `${name}-${mode.toString(8)}`);
  if (!(await exists(copy))) {
    const draft = path.join(folder, `.${draftName}`);
    await makeFolder(folder);
    await copyFile(shell, draft);
    await chmod(draft, mode);
    await rename(draft, copy);
  }
  return [{ kind: "read-only", source: copy, target: INSIDE_SHELL, isFile: true }];
}

/**
 * The guest's command line below that first process: a shell that starts the guest, waits for it, and takes in its
 * orphans. The kernel gives a first process no signals that it does not ask for, so a guest must not be it. The shell
 * has no more rights than the guest. Of a root without a shell the guest is the first.
 */
export function underInit(
  argv: readonly string[],
  entries: readonly Entry[],
  runtime: Runtime,
): readonly string[] {
  if (!hasInit(entries)) return argv;
  return [INSIDE_SHELL, "-c", runtime.passesDescriptors ? `${STARTED}${INIT}` : INIT, "sh", ...argv];
}

/** A container with these entries can start with that process. */
export function hasInit(entries: readonly Entry[]): boolean {
  return entries.some(({ target }) => target === INSIDE_SHELL);
}

/**
 * On a descriptor that no guest ever has. The answer comes when the process is in the cgroup of its sandbox; without one, from
 * a host that could not put it there, or has ended, there is no guest.
 */
const STARTED = "echo started >&3; read -r _ <&3 || exit; exec 3>&-\n";

/** What a shell says of how the guest ended is not the guest's. A trap is not inherited, and ends no wait early. */
const INIT = `trap : TERM
exec 8>&2 2>/dev/null
code=0
"$@" 2>&8 8>&- || code=$?
exit "$code"`;

/** What a guest sees that is the first process itself. */
export function withoutInit(entries: readonly Entry[]): readonly Entry[] {
  return entries.filter(({ target }) => target !== INSIDE_SHELL);
}

function shellOf(root: string): string | null {
  const [shell] = findInRoot(root, "sh", "/bin:/usr/bin");
  const real = shell === undefined ? null : resolveInRoot(root, shell);
  return real === null ? null : path.join(root, real);
}

async function exists(file: string): Promise<boolean> {
  return stat(file).then(
    () => true,
    () => false,
  );
}
