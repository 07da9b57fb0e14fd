import { execFile } from "node:child_process";
import { promisify } from "node:util";

import { findAll } from "../../interpreters.ts";
import { FD } from "./launch.ts";
import type { Launch, Variant } from "./launch.ts";
import { INSIDE, INSIDE_ID } from "../../view/view.ts";
import type { Entry } from "../../view/view.ts";

/** bubblewrap, bwrap(1), unprivileged: it makes the namespaces and mounts and stays as their init. */
export async function findBubblewrap(searchPath: string): Promise<Variant | null> {
  const [program] = findAll("bwrap", searchPath);
  if (program === undefined) return null;
  const { stdout } = await promisify(execFile)(program, ["--version"]);
  return {
    version: stdout.trim(),
    entries: NEEDED.flatMap((name) =>
      findAll(name, searchPath)
        .slice(0, 1)
        .map((file): Entry => ({
          kind: "read-only",
          source: file,
          target: `${INSIDE.bin}/${name}`,
          isFile: true,
        })),
    ),
    roots: true,
    seccomp: true,
    prepare: () => Promise.resolve([]),
    command: (launch) => [program, ...bubblewrapArguments(launch)],
  };
}

/** Sets the limit of processes from inside, when we are not root and have no cgroup for it. */
const NEEDED = process.geteuid?.() === 0 ? [] : ["prlimit"];
const NAMESPACES = ["user", "ipc", "pid", "net", "uts", "cgroup"];

function bubblewrapArguments(launch: Launch): readonly string[] {
  const id = String(INSIDE_ID);
  const inner = launch.limitProcessesInside
    ? [`${INSIDE.bin}/prlimit`, `--nproc=${launch.limits.processes}`, "--", ...launch.argv]
    : launch.argv;
  return [
    ...NAMESPACES.filter((name) => name !== "net" || !launch.network).map((name) => `--unshare-${name}`),
    "--uid",
    id,
    "--gid",
    id,
    "--hostname",
    "whiskers",
    // Without a session of its own a guest could type into the terminal that started us.
    "--new-session",
    "--die-with-parent",
    "--json-status-fd",
    String(FD.status),
    ...(launch.seccomp ? ["--seccomp", String(FD.seccomp)] : []),
    // Before what is in it, whose permissions it would get.
    "--dir",
    "/dev",
    ...launch.entries.flatMap((entry) => entryArguments(entry, launch)),
    ...launch.files.flatMap((file, index) => [
      "--perms",
      "0444",
      "--file",
      String(FD.firstFile + index),
      file,
    ]),
    "--remount-ro",
    "/",
    "--chdir",
    launch.workingFolder,
    "--",
    ...inner,
  ];
}

function entryArguments(entry: Entry, launch: Launch): readonly string[] {
  switch (entry.kind) {
    case "read-only":
      return ["--ro-bind", launch.placeOf(entry.source), entry.target];
    case "writable":
      return ["--bind", launch.placeOf(entry.source), entry.target];
    case "device":
      return ["--dev-bind", entry.target, entry.target];
    case "link":
      return ["--symlink", entry.to, entry.target];
    case "tmpfs":
      return ["--perms", "0700", "--size", String(entry.bytes), "--tmpfs", entry.target];
    case "proc":
      // bubblewrap's init runs as the guest's user: whoever writes its memory outlives his run, and under `fork`
      // can then reach the next one. So there is no way to it through /proc; the seccomp filter holds ptrace.
      return [
        "--proc",
        entry.target,
        "--perms",
        "0000",
        "--size",
        "4096",
        "--tmpfs",
        `${entry.target}/1`,
        "--remount-ro",
        `${entry.target}/1`,
      ];
  }
}
