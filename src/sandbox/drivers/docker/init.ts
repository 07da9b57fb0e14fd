import type { TarEntry } from "./tar.ts";

/**
 * The first process of a container, as a script of the shell that is copied into its image. The kernel keeps
 * signals that end a process from the first one of a pid namespace, so that a guest that was the first could not
 * end by one. It passes SIGTERM on to all others, waits for what they leave behind, and ends as the guest ended.
 * The guest gets its descriptors, and this keeps none of them. A signal cuts `wait` short, which then has to be
 * asked again; of what it has told already it knows nothing, and says 127.
 */
export const INIT_SCRIPT = `unset HOSTNAME
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

/**
 * The shell's two places in an image. Nobody but root may read the first. Linux then lets no other process of the
 * guest's user at the memory and the descriptors of a process that runs it (ptrace(2), "dumpable"): whoever could
 * write them would outlive his run. gVisor cannot start what cannot be read; its ptrace lets nobody at his parent.
 */
export const INITS = [
  { path: "/whiskers/init", mode: 0o711, needsOwnKernel: false },
  { path: "/whiskers/readable-init", mode: 0o755, needsOwnKernel: true },
] as const;

/** In an image, from the shell of what it is an image of. */
export function initEntries(shell: Uint8Array): readonly TarEntry[] {
  return INITS.map(({ path, mode }) => ({ kind: "file", path: path.slice(1), mode, content: shell }));
}

export function initCommand(init: string, argv: readonly string[]): readonly string[] {
  return [init, "-c", INIT_SCRIPT, "init", ...argv];
}
