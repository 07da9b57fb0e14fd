import path from "node:path/posix";

import type { Limits } from "../../../domain/limits.ts";
import type { GuestCommand } from "../../guest-command.ts";
import type { ContainerFilter } from "../../seccomp/container-filter.ts";
import { INSIDE, INSIDE_ID } from "../../view/view.ts";
import type { Entry } from "../../view/view.ts";

/** What a bundle is made from. */
export interface BundleParts {
  /** Of `makeSkeleton`, where the runtime finds it. */
  readonly rootFolder: string;
  readonly entries: readonly Entry[];
  /** Files to be shown in /whiskers: base name, and where each lies. */
  readonly files: readonly { readonly name: string; readonly source: string }[];
  readonly command: GuestCommand;
  readonly limits: Limits;
  /** Users of the host that root and the guest's user of the container are; null: no user namespace. */
  readonly users: ContainerUsers | null;
  /** Relative to that of the runtime; null: the runtime makes none. */
  readonly cgroupsPath: string | null;
  /** The runtime has a kernel of its own, whose /dev is its own matter. */
  readonly ownKernel: boolean;
  /** Null: there is none for this architecture. */
  readonly seccomp: ContainerFilter | null;
  /** What no cgroup limits, as limits of a process: how many of its user, and data of each, bytes. Null: not set. */
  readonly processes: number | null;
  readonly dataBytes: number | null;
  /** Mount points of this machine, for what lies below a folder that is shown. */
  readonly mountPoints: readonly string[];
}

/** `guest` null: the container's root is the guest's user, for there is only one. */
export interface ContainerUsers {
  readonly root: number;
  /** When it has another number. */
  readonly rootGroup?: number;
  readonly guest: number | null;
}

const STACK_BYTES = 8 * 1024 * 1024;
const TMPFS_INODES = 20_000;
/** When memory is short on the machine, a sandbox goes before anything else does. */
const OOM_SCORE = 800;
const NAMESPACES = ["pid", "network", "ipc", "uts", "mount", "cgroup"] as const;
/** What the kernel shows of the whole machine. */
const MASKED = [
  "/proc/acpi",
  "/proc/asound",
  "/proc/kcore",
  "/proc/keys",
  "/proc/kpagecount",
  "/proc/kpageflags",
  "/proc/latency_stats",
  "/proc/sched_debug",
  "/proc/scsi",
  "/proc/sysrq-trigger",
  "/proc/timer_list",
  "/proc/timer_stats",
];
const READ_ONLY_PATHS = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys"];

/**
 * The config.json of a bundle, OCI runtime-spec 1.0.2: nothing writable but bounded tmpfs, no network, no
 * capabilities, nothing to gain, our list of system calls.
 */
export function bundleConfig(parts: BundleParts): object {
  const { command, limits, users } = parts;
  const user = users?.guest === null ? 0 : INSIDE_ID;
  const none: readonly string[] = [];
  return {
    ociVersion: "1.0.2",
    hostname: "whiskers",
    root: { path: parts.rootFolder, readonly: true },
    process: {
      terminal: false,
      user: { uid: user, gid: user, additionalGids: [] },
      args: command.argv,
      env: Object.entries(command.env).map(([name, value]) => `${name}=${value}`),
      cwd: INSIDE.package,
      noNewPrivileges: true,
      capabilities: {
        bounding: none,
        effective: none,
        inheritable: none,
        permitted: none,
        ambient: none,
      },
      rlimits: [
        // No core dump, and none for a program of the host either, which 0 would not say: core(5).
        rlimit("RLIMIT_CORE", 1),
        rlimit("RLIMIT_NOFILE", limits.openFiles),
        rlimit("RLIMIT_FSIZE", limits.tmpBytes),
        rlimit("RLIMIT_STACK", STACK_BYTES),
        ...(parts.processes === null ? [] : [rlimit("RLIMIT_NPROC", parts.processes)]),
        ...(parts.dataBytes === null ? [] : [rlimit("RLIMIT_DATA", parts.dataBytes)]),
      ],
      oomScoreAdj: OOM_SCORE,
    },
    mounts: [
      ...mountsOf(parts, user),
      ...parts.files.map(({ name, source }) => bind(source, path.join(INSIDE.files, name), false)),
    ],
    linux: {
      namespaces: [...NAMESPACES, ...(users === null ? [] : ["user"])].map((type) => ({ type })),
      ...(users === null
        ? {}
        : {
            uidMappings: mappingsOf(users, users.root),
            gidMappings: mappingsOf(users, users.rootGroup ?? users.root),
          }),
      ...(parts.cgroupsPath === null ? {} : { cgroupsPath: parts.cgroupsPath }),
      resources: { devices: [{ allow: false, access: "rwm" }] },
      ...(parts.seccomp === null ? {} : { seccomp: parts.seccomp }),
      maskedPaths: MASKED,
      readonlyPaths: READ_ONLY_PATHS,
      rootfsPropagation: "private",
    },
  };
}

function rlimit(type: string, value: number): object {
  return { type, soft: value, hard: value };
}

function mappingsOf({ guest }: ContainerUsers, root: number): readonly object[] {
  return [
    { containerID: 0, hostID: root, size: 1 },
    ...(guest === null ? [] : [{ containerID: INSIDE_ID, hostID: guest, size: 1 }]),
  ];
}

/** In the order of the view: a parent comes before what is in it. Links are in the root already. */
function mountsOf({ entries, mountPoints, ownKernel }: BundleParts, user: number): readonly object[] {
  const dev = {
    destination: "/dev",
    type: "tmpfs",
    source: "tmpfs",
    options: ["nosuid", "noexec", "mode=755", "size=64k", ...(ownKernel ? [] : ["ro"])],
  };
  const proc = entries.filter(({ kind }) => kind === "proc");
  const rest = entries.filter(({ kind }) => kind !== "proc");
  return [
    ...proc.map(({ target }) => ({
      destination: target,
      type: "proc",
      source: "proc",
      options: ["nosuid", "nodev", "noexec"],
    })),
    dev,
    ...rest.flatMap((entry): readonly object[] => {
      switch (entry.kind) {
        case "read-only":
          return [
            bind(
              entry.source,
              entry.target,
              mountPoints.some((one) => one.startsWith(`${entry.source}/`)),
            ),
          ];
        case "tmpfs":
          return [
            {
              destination: entry.target,
              type: "tmpfs",
              source: "tmpfs",
              options: [
                "nosuid",
                "nodev",
                "mode=0700",
                `uid=${user}`,
                `gid=${user}`,
                `size=${entry.bytes}`,
                `nr_inodes=${TMPFS_INODES}`,
              ],
            },
          ];
        case "writable":
          throw new Error("no container is given anything writable");
        case "device":
        case "link":
        case "proc":
          // Devices that every runtime makes, and links that are in the root.
          return [];
      }
    }),
  ];
}

/** What has mounts below it comes with them, and they are read-only too. */
function bind(source: string, destination: string, hasMounts: boolean): object {
  const options = hasMounts
    ? ["rbind", "ro", "rro", "nosuid", "rnosuid", "nodev", "rnodev", "private"]
    : ["bind", "ro", "nosuid", "nodev", "private"];
  return { destination, type: "bind", source, options };
}
