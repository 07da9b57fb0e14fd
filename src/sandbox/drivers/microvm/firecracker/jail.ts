import { mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path/posix";

import { shellThatCloses } from "../../inherited-descriptors.ts";
import { enterScript } from "../enter-script.ts";
import type { Machine } from "../monitor.ts";

/** How Firecracker is started here. */
export interface FirecrackerPrograms {
  readonly firecracker: string;
  /** Only root can use it; null: Firecracker runs as the user that this is, in its own seccomp filter. */
  readonly jailer: string | null;
  readonly setpriv: string;
  readonly unshare: string;
  /** Descriptors that children of this process would inherit. */
  readonly inherited: readonly number[];
}

/** What one Firecracker process is shown: it works in `root`, and all paths that it is told are relative to it. */
export interface Jail {
  readonly folder: string;
  readonly root: string;
}

/** Where jails are: below it `<program>/<name of the machine>/root`, as the jailer wants it. */
export function jailsIn(stateDirectory: string): string {
  return path.join(stateDirectory, "microvm", "jails");
}

/** Files by the names that they have in the jail. They are made visible by `jailCommand`, or are links. */
export function makeJail(
  name: string,
  files: ReadonlyMap<string, string>,
  { firecracker, jailer }: FirecrackerPrograms,
  stateDirectory: string,
): Jail {
  const folder = path.join(jailsIn(stateDirectory), path.basename(firecracker), name);
  const root = path.join(folder, "root");
  try {
    mkdirSync(root, { recursive: true, mode: 0o700 });
    for (const [inside, source] of files) {
      if (jailer === null) symlinkSync(source, path.join(root, inside));
      else writeFileSync(path.join(root, inside), "");
    }
  } catch (error) {
    removeJail({ folder, root });
    throw error;
  }
  return { folder, root };
}

export function removeJail({ folder }: Jail): void {
  rmSync(folder, { recursive: true, force: true });
}

/**
 * The command line that becomes Firecracker. Jailed, it is in namespaces without a network whose first process is a shell
 * that ends with us, however we end, and everything in them with it; the jail's files are mounted in there alone, so that
 * nothing of them is left behind.
 */
export function jailCommand(
  machine: Machine,
  files: ReadonlyMap<string, string>,
  jail: Jail,
  programs: FirecrackerPrograms,
): readonly string[] {
  const { firecracker, jailer, setpriv, unshare, inherited } = programs;
  const args = ["--api-sock", API_SOCKET, "--level", "Error"];
  const enter = [...shellThatCloses(inherited), "-c", enterScript(machine, inherited), "sh", setpriv];
  if (jailer === null)
    return [...enter, "--no-new-privs", "--pdeathsig=KILL", firecracker, "--id", machine.name, ...args];
  const id = String(machine.userId ?? process.geteuid?.() ?? 0);
  return [
    ...enter,
    "--pdeathsig=KILL",
    unshare,
    ..."--mount --net --ipc --uts --pid --fork --kill-child=KILL --mount-proc --".split(" "),
    "/bin/sh",
    "-c",
    MOUNT_AND_JAIL,
    "sh",
    ...[...files].flatMap(([inside, source]) => [source, path.join(jail.root, inside)]),
    "--",
    jailer,
    "--id",
    machine.name,
    "--exec-file",
    firecracker,
    "--uid",
    id,
    "--gid",
    id,
    "--chroot-base-dir",
    path.dirname(path.dirname(jail.folder)),
    "--",
    ...args,
  ];
}

/** Firecracker makes it. */
export const API_SOCKET = "api.sock";

/** It stays the first process of its namespace: were that Firecracker, it would not end when it is ended by us. */
const MOUNT_AND_JAIL = `set -e
while [ "$1" != -- ]; do
  mount -o bind,ro "$1" "$2"
  shift 2
done
shift
code=0
"$@" || code=$?
exit $code`;
