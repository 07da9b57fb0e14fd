import type { Limits } from "../../../domain/limits.ts";
import type { GuestCommand } from "../../guest-command.ts";
import { INSIDE, privateView } from "../../view/view.ts";
import type { Entry } from "../../view/view.ts";
import type { EngineLimit } from "./engine-limits.ts";
import { INIT_PROCESSES, initCommand } from "./init.ts";

/** What a container is made from. */
export interface ContainerParts {
  /** By digest. */
  readonly image: string;
  readonly command: GuestCommand;
  /** What it sees of the machine; only what is of kind `read-only` counts. */
  readonly entries: readonly Entry[];
  /** Where a volume of its own is, for files that are put in before it starts; null: nowhere. The guest may not write to it. */
  readonly volume: string | null;
  readonly limits: Limits;
  readonly labels: Readonly<Record<string, string>>;
  /** User and group; both are nobody else's. */
  readonly id: number;
  /** JSON; null: the engine's own profile. */
  readonly seccomp: string | null;
  /**
   * Podman knows neither `uid` nor `nr_inodes` of a tmpfs: /tmp is everybody's in the container then, and the memory
   * limit alone bounds empty files. It hides paths by another setting than Docker, and makes places writable by itself.
   */
  readonly isPodman: boolean;
  /** Processors of the engine's machine: it refuses a container that may use more. */
  readonly processors: number;
  /** What the engine can limit. Of anything else it may not be asked: it could refuse the container. */
  readonly limited: ReadonlySet<EngineLimit>;
  /** The init sets limits of processes, because the engine does not; a script of its shell. Empty: the engine does. */
  readonly limitsScript: string;
  /** Of the engine; null: its default. */
  readonly runtime: string | null;
  /** Processes of the init and of the runtime that count against the limit of the container's cgroup. */
  readonly ownProcesses: number;
}

const STACK_BYTES = 8 * 1024 * 1024;
/** When memory is short on the machine, a sandbox goes before anything else does. */
const OOM_SCORE = 800;

/** Files of the kernel that say or change more than a guest's own affairs. The first ten are the engine's defaults. */
const MASKED = [
  "/proc/acpi",
  "/proc/asound",
  "/proc/kcore",
  "/proc/keys",
  "/proc/latency_stats",
  "/proc/sched_debug",
  "/proc/scsi",
  "/proc/timer_list",
  "/proc/timer_stats",
  "/sys/firmware",
  // Nothing there is a guest's business, and a cgroup is a way to talk to others.
  "/sys",
  "/proc/sysvipc",
  // What the engine writes there tells of the host.
  "/etc/hostname",
  "/etc/resolv.conf",
  // Files in them outlive a run, and terminals are a resource that all of the machine shares.
  "/dev/mqueue",
  "/dev/pts",
];
const READ_ONLY = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

/** The body of `POST /containers/create`, Engine API 1.41. */
export function containerSettings(parts: ContainerParts): unknown {
  const { command, limits, limited } = parts;
  const user = `${parts.id}:${parts.id}`;
  return {
    Image: parts.image,
    Entrypoint: initCommand(command.argv, parts.limitsScript),
    Cmd: [],
    Env: Object.entries(command.env).map(([name, value]) => `${name}=${value}`),
    WorkingDir: INSIDE.package,
    User: user,
    Hostname: "whiskers",
    Labels: parts.labels,
    OpenStdin: true,
    StdinOnce: true,
    AttachStdin: true,
    AttachStdout: true,
    AttachStderr: true,
    Tty: false,
    // Before Podman removes what runs it asks it to end, for ten seconds.
    ...(parts.isPodman ? { StopTimeout: 0 } : {}),
    HostConfig: {
      ...(parts.runtime === null ? {} : { Runtime: parts.runtime }),
      NetworkMode: "none",
      IpcMode: "private",
      CgroupnsMode: "private",
      ReadonlyRootfs: true,
      Privileged: false,
      CapDrop: ["ALL"],
      SecurityOpt: [
        "no-new-privileges:true",
        ...(parts.seccomp === null ? [] : [`seccomp=${parts.seccomp}`]),
        ...(parts.isPodman ? [`mask=${MASKED.join(":")}`] : []),
      ],
      MaskedPaths: MASKED,
      ReadonlyPaths: READ_ONLY,
      Mounts: [...parts.entries.flatMap(mountOf), ...volumeAt(parts.volume)],
      Tmpfs: Object.fromEntries(tmpfsOf(parts)),
      ShmSize: shmBytes(limits),
      // Memory and swap together: none.
      ...(limited.has("memory") ? { Memory: limits.memoryBytes, MemorySwap: limits.memoryBytes } : {}),
      OomKillDisable: false,
      OomScoreAdj: OOM_SCORE,
      ...(limited.has("processes") ? { PidsLimit: limits.processes + parts.ownProcesses } : {}),
      ...(limited.has("cpu") ? { NanoCpus: Math.round(Math.min(limits.cpus, parts.processors) * 1e9) } : {}),
      Ulimits: [
        // Of 1 byte: it keeps the kernel from starting a program of the host with what a crashed guest held, which 0 does not: core(5).
        ulimit("core", 1),
        ulimit("nofile", limits.openFiles),
        ulimit("fsize", limits.tmpBytes),
        ulimit("stack", STACK_BYTES),
        // Of a runtime with a kernel of its own this is what limits guests: that kernel counts by it.
        ulimit("nproc", limits.processes + INIT_PROCESSES),
        ulimit("memlock", 64 * 1024),
        ulimit("msgqueue", 0),
      ],
      LogConfig: { Type: "none" },
      RestartPolicy: { Name: "no" },
      AutoRemove: false,
    },
  };
}

function mountOf(entry: Entry): readonly unknown[] {
  if (entry.kind !== "read-only") return [];
  return [
    {
      Type: "bind",
      Source: entry.source,
      Target: entry.target,
      ReadOnly: true,
      // What is mounted below it would be writable: an engine makes the top alone read-only.
      BindOptions: { Propagation: "rprivate", NonRecursive: true },
    },
  ];
}

/** Without a name: it goes with the container. Root owns it. */
function volumeAt(target: string | null): readonly unknown[] {
  return target === null ? [] : [{ Type: "volume", Target: target, VolumeOptions: { NoCopy: true } }];
}

function tmpfsOf({ limits, id, isPodman }: ContainerParts): readonly (readonly [string, string])[] {
  const owned = isPodman ? "mode=1777" : `mode=0700,uid=${id},gid=${id},nr_inodes=${TMPFS_INODES}`;
  const ours = privateView(limits).flatMap((entry) =>
    entry.kind === "tmpfs" && entry.target !== "/dev/shm"
      ? [[entry.target, `rw,exec,nosuid,nodev,size=${entry.bytes},${owned}`] as const]
      : [],
  );
  return [...ours, ...(isPodman ? WRITABLE_BY_PODMAN : []).map((target) => [target, NOTHING] as const)];
}

/** Where it puts a tmpfs without a limit of size, when a root is read-only, unless something is there. */
const WRITABLE_BY_PODMAN = ["/run", "/var/tmp"];
const NOTHING = "ro,noexec,nosuid,nodev,size=4k,mode=0555";

/** Empty files hold memory too. */
const TMPFS_INODES = 20_000;

function shmBytes(limits: Limits): number {
  const shm = privateView(limits).find(({ target }) => target === "/dev/shm");
  return shm?.kind === "tmpfs" ? shm.bytes : 0;
}

function ulimit(name: string, value: number): unknown {
  return { Name: name, Soft: value, Hard: value };
}
