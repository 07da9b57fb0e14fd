import { createHash } from "node:crypto";
import { chmod, readFile, rename, stat, writeFile } from "node:fs/promises";
import path from "node:path/posix";

import type { Limits } from "../../../domain/limits.ts";
import { argumentsOf } from "../process-tree.ts";

/**
 * The first process of a container, as a script of the shell that is copied into its image. The kernel keeps
 * signals that end a process from the first one of a pid namespace, so that a guest that was the first could not
 * end by one. It passes SIGTERM on to all others, waits for what they leave behind, and ends as the guest ended.
 * The guest gets its descriptors, and this keeps none of them; of what an engine adds to the environment it gets
 * nothing. A signal cuts `wait` short, which then has to be asked again; of what it has told already it knows nothing,
 * and says 127.
 */
export const INIT_SCRIPT = `unset HOSTNAME TERM container
exec 3<&0
trap 'asked=1; kill -s TERM -- -1' TERM
(exec "$@" <&3 3<&-) &
guest=$!
exec 0<&- 1>&- 2>&- 3<&-
status=127
while :; do
  asked=
  wait "$guest"
  found=$?
  [ "$found" = 127 ] || status=$found
  [ -n "$asked" ] || exit "$status"
done`;

/** It, and the shell that starts it or the guest. */
export const INIT_PROCESSES = 2;

/** Where it is inside. */
export const INIT = "/whiskers/init";

/**
 * Modes of the shell's copy, in the order in which they are tried. Nobody but root may read the first. Linux then lets no other process of the
 * guest's user at the memory and the descriptors of a process that runs it (ptrace(2), "dumpable"): whoever could
 * write them would outlive his run. gVisor cannot start what cannot be read; its ptrace lets nobody at his parent.
 */
export const INIT_MODES = [
  { mode: 0o711, needsOwnKernel: false },
  { mode: 0o755, needsOwnKernel: true },
] as const;

/**
 * A copy of a shell to be mounted as the init, made once per shell and mode.
 * @returns the file, in `stateDirectory`
 */
export async function makeInitFile(
  shell: string,
  mode: number,
  { stateDirectory, draftName }: { readonly stateDirectory: string; readonly draftName: string },
): Promise<string> {
  const content = await readFile(shell);
  const hash = createHash("sha256").update(content).digest("hex").slice(0, 16);
  const file = path.join(stateDirectory, `init-${hash}-${mode.toString(8)}`);
  const found = await stat(file).catch(() => null);
  if (found?.size === content.length && (found.mode & 0o777) === mode) return file;
  const draft = path.join(stateDirectory, `.init-${draftName}`);
  await writeFile(draft, content);
  await chmod(draft, mode);
  await rename(draft, file);
  return file;
}

/** Is this process of this machine one? */
export function isInit(pid: number): boolean {
  return argumentsOf(pid)[0] === INIT;
}

/** @param limits a script that comes before it: of `limitsScript`, or empty */
export function initCommand(argv: readonly string[], limits: string): readonly string[] {
  return [INIT, "-c", `${limits}${INIT_SCRIPT}`, "init", ...argv];
}

/** What the init does to itself and all that it starts, for an engine that does not. `dataBytes`: of each process. */
export function limitsScript({ openFiles, tmpBytes, processes }: Limits, dataBytes: number | null): string {
  const most = processes + INIT_PROCESSES;
  return [
    "set -e",
    // In blocks of 512 bytes, which bash takes for 1024 otherwise.
    "if (set -o posix) 2>/dev/null; then set -o posix; fi",
    `ulimit -c 0; ulimit -n ${openFiles}; ulimit -f ${Math.ceil(tmpBytes / FILE_BLOCK_BYTES)}`,
    `ulimit -s ${STACK_KIB}; ulimit -l ${LOCKED_KIB}`,
    `if (ulimit -u ${most}) 2>/dev/null; then ulimit -u ${most}; else ulimit -p ${most}; fi`,
    ...(dataBytes === null ? [] : [`ulimit -d ${Math.floor(dataBytes / 1024)}`]),
    "set +e\n",
  ].join("\n");
}

const FILE_BLOCK_BYTES = 512;
const STACK_KIB = 8192;
const LOCKED_KIB = 64;
