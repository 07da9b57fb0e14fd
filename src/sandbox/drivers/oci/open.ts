import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path/posix";

import { USUAL_PATH } from "../../../domain/usual-path.ts";
import { messageOf } from "../../../domain/unknown.ts";
import { WhiskersError } from "../../../errors.ts";
import type { Cgroup } from "../../cgroup/cgroup.ts";
import { removeEverywhere } from "../../cgroup/everywhere.ts";
import type { OpenRequest } from "../../driver.ts";
import { guestCommand } from "../../guest-command.ts";
import { containerFilter } from "../../seccomp/container-filter.ts";
import type { ContainerFilter } from "../../seccomp/container-filter.ts";
import { gvisorFilter } from "../../seccomp/gvisor-filter.ts";
import { makeSkeleton } from "../../view/skeleton.ts";
import { NAMESPACE_FD } from "../../view/mount-namespace.ts";
import { INSIDE, withLimits } from "../../view/view.ts";
import type { Entry } from "../../view/view.ts";
import { RESERVED_BY_V8_BYTES } from "../../view/view-host.ts";
import type { LaunchCommand, PreparedView } from "../../view/view-host.ts";
import { pathsInside } from "../../view/paths-inside.ts";
import { shellThatCloses } from "../inherited-descriptors.ts";
import { CgroupMeter, WatchdogMeter } from "../meter.ts";
import { bundleConfig } from "./bundle.ts";
import type { ContainerUsers } from "./bundle.ts";
import type { OciHost } from "./host.ts";
import { sourcesOf } from "./sources-of.ts";
import { hasInit, underInit, withoutInit } from "./init.ts";
import { removeFiles } from "./reap.ts";
import type { Runtime } from "./runtimes.ts";
import { OciSandbox } from "./sandbox.ts";
import type { Bind } from "./whole-roots.ts";

/** Of the host's users, the one that root of every container is: it owns nothing, and no guest becomes it. */
const ROOT_ID = 1_999_999_999;

/** @throws WhiskersError `sandbox-failed` */
export async function openGuest(
  prepared: PreparedView,
  request: OpenRequest,
  host: OciHost,
): Promise<OciSandbox> {
  const command = guestCommand(prepared.pkg, request.state, pathsInside(prepared), request.limits);
  const reservedBytes = prepared.pkg.manifest.guest.kind === "javascript" ? RESERVED_BY_V8_BYTES : 0;
  // A shell would be one process more to start. Under `fork` it would also be one for a run to live on in: gVisor lets nobody
  // hide from others of its user. Our SDK knows what a first process has to do. Python has been run already to be described;
  // of another program that cannot be started a shell says so, and the runtime is not to blame.
  const isFirst = host.runtime.signalsFirst && prepared.pkg.manifest.guest.kind === "python";
  const flags = request.state === "fork" ? host.runtime.forkFlags : [];
  return openContainer(prepared.entries, { ...command, reservedBytes, isFirst, flags }, request, host);
}

/** Starts any command in a container with these entries. @throws WhiskersError `sandbox-failed` */
export async function openContainer(
  entries: readonly Entry[],
  command: ContainerCommand,
  request: Pick<OpenRequest, "limits" | "files">,
  host: OciHost,
): Promise<OciSandbox> {
  const { limits, files } = request;
  const { runtime } = host;
  const name = host.nextName();
  const id = host.userNamespace && host.isRoot ? host.ids.take() : null;
  const bundle = path.join(host.bundles, name);
  let cgroup: Cgroup | null = null;
  const release = async (): Promise<void> => {
    await cgroup?.remove();
    // It does so itself, unless it was killed.
    if (runtime.makesCgroup && host.isRoot) await removeEverywhere((one) => one === runtimeCgroup(name));
    await removeFiles(host, name);
    host.ids.release(id);
  };
  try {
    cgroup =
      host.cgroups?.create(name, {
        cpus: limits.cpus,
        memoryBytes: limits.memoryBytes + runtime.ownMemoryBytes,
        processes: limits.processes + runtime.ownProcesses,
      }) ?? null;
    await makeBundle(bundle, { entries, command, files, limits, id, name }, host);
    const child = await start(bundle, name, command.flags ?? [], cgroup, host);
    return new OciSandbox({
      id: name,
      host,
      child,
      cgroup: runtime.makesCgroup && host.isRoot ? cgroup : null,
      runtimeCgroup: runtimeCgroup(name),
      tellsStart: runtime.passesDescriptors && command.isFirst !== true && hasInit(entries),
      meter: cgroup === null ? new WatchdogMeter(limits.memoryBytes) : new CgroupMeter(cgroup),
      logFile: path.join(bundle, "log"),
      release,
    });
  } catch (error) {
    await release();
    throw new WhiskersError("sandbox-failed", `cannot start a container: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

/**
 * Where a runtime that makes cgroups puts the container's first process, which we move to the sandbox's own. That one
 * outlives the runtime, so that what the kernel counted can be read when all is over. As `isStaleSandbox` has it.
 */
function runtimeCgroup(name: string): string {
  return `${name}0`;
}

interface ContainerCommand extends LaunchCommand {
  /** It is the first process of the container, without an init above it. */
  readonly isFirst?: boolean;
  /** For the runtime, beside those that it always gets. */
  readonly flags?: readonly string[];
}

interface Contents {
  readonly entries: readonly Entry[];
  readonly command: ContainerCommand;
  readonly files: OpenRequest["files"];
  readonly limits: OpenRequest["limits"];
  readonly id: number | null;
  readonly name: string;
}

async function makeBundle(
  bundle: string,
  { entries, command, files, limits, id, name }: Contents,
  host: OciHost,
): Promise<void> {
  await mkdir(bundle);
  await chmod(bundle, 0o755);
  const placed = files.map((file, index) => ({
    name: path.basename(file.name),
    source: path.join(bundle, `file-${index}`),
    content: file.content,
  }));
  for (const { source, content } of placed) {
    await writeFile(source, content);
    await chmod(source, 0o444);
  }
  const shown = command.isFirst === true ? withoutInit(entries) : entries;
  const targets = placed.map((file) => path.join(INSIDE.files, file.name));
  const skeleton = await makeSkeleton(host.roots, shown, [INSIDE.files], targets);
  if (host.userNamespace)
    await host.stage.add([skeleton, ...sourcesOf(shown), ...placed.map((one) => one.source)]);
  const has = (controller: "memory" | "pids"): boolean => host.cgroups?.controllers.has(controller) === true;
  const mounts = await mountPoints();
  const common = host.runtime.wantsWholeRoot ? shown.filter(isCommon) : [];
  const config = bundleConfig({
    rootFolder: host.runtime.wantsWholeRoot
      ? await host.wholeRoots.add(skeleton, common, mounts)
      : host.stage.placeOf(skeleton),
    entries: withLimits(
      shown.filter((entry) => !common.some((one) => one === entry)),
      limits,
    ).map((entry) =>
      entry.kind === "read-only" ? { ...entry, source: host.stage.placeOf(entry.source) } : entry,
    ),
    files: placed.map((file) => ({ name: file.name, source: host.stage.placeOf(file.source) })),
    command: {
      env: command.env,
      argv: command.isFirst === true ? command.argv : underInit(command.argv, entries, host.runtime),
    },
    limits,
    users: host.userNamespace ? usersOf(id) : null,
    cgroupsPath: host.runtime.makesCgroup && host.isRoot ? runtimeCgroup(name) : null,
    ownKernel: host.runtime.ownKernel,
    seccomp: seccompOf(host.runtime),
    // Where the kernel that counts them is the sandbox's own, or no cgroup does.
    processes: host.runtime.ownKernel
      ? limits.processes
      : has("pids")
        ? null
        : limits.processes + host.runtime.ownProcesses,
    dataBytes: has("memory") ? null : limits.memoryBytes + (command.reservedBytes ?? 0),
    mountPoints: mounts,
  });
  await writeFile(path.join(bundle, "config.json"), JSON.stringify(config));
  // A line, so that a full disk has room for what a runtime has to say of it.
  await writeFile(path.join(bundle, "log"), "\n");
}

/** The same for many packages: a root with it is put together once. */
function isCommon(entry: Entry): entry is Bind {
  return (
    entry.kind === "read-only" && entry.target !== INSIDE.package && entry.target !== INSIDE.dependencies
  );
}

function seccompOf({ kind }: Runtime): ContainerFilter | null {
  const { arch } = process;
  if (arch !== "x64" && arch !== "arm64") return null;
  return kind === "runsc" ? gvisorFilter(arch) : containerFilter(arch);
}

/** An ordinary user has no other users to give away than himself. */
function usersOf(id: number | null): ContainerUsers {
  if (id !== null) return { root: ROOT_ID, guest: id };
  return { root: process.geteuid?.() ?? 0, rootGroup: process.getegid?.() ?? 0, guest: null };
}

async function mountPoints(): Promise<readonly string[]> {
  const lines = (await readFile("/proc/self/mountinfo", "utf8")).split("\n");
  return lines.flatMap((line) => line.split(" ")[4] ?? []);
}

/** Descriptor on which the container's init says that it is there, and waits until it may start the guest. */
const STATUS_FD = 3;

async function start(
  bundle: string,
  name: string,
  flags: readonly string[],
  cgroup: Cgroup | null,
  host: OciHost,
): Promise<ChildProcess> {
  const { runtime, inherited } = host;
  const namespace = runtime.wantsWholeRoot ? host.wholeRoots.fd : host.stage.fd;
  // What a runtime that may make none starts stays where it is itself.
  const enter = runtime.makesCgroup && host.isRoot ? [] : (cgroup?.enterFiles ?? []);
  const closes = [...(namespace === null ? [] : [NAMESPACE_FD]), ...inherited.filter((fd) => fd > STATUS_FD)];
  const script = [
    "set -e",
    ...enter.map((file) => `echo 0 >'${file.replaceAll("'", String.raw`'\''`)}'`),
    ...closes.map((fd) => `exec ${fd}<&-`),
    'exec "$@"',
  ];
  const argv = [
    ...(namespace === null ? [] : [host.nsenter, `--mount=/proc/self/fd/${NAMESPACE_FD}`, "--"]),
    ...(enter.length === 0 && closes.length === 0
      ? []
      : [...shellThatCloses(closes), "-c", script.join("\n"), "sh"]),
    ...runtime.under,
    runtime.program,
    ...runtime.flags,
    ...flags,
    "--root",
    host.records,
    "--log",
    path.join(bundle, "log"),
    "--log-format",
    "json",
    "run",
    "--bundle",
    bundle,
    ...(runtime.passesDescriptors ? ["--preserve-fds", "1"] : []),
    name,
  ];
  const [program = "", ...args] = argv;
  const child = spawn(program, args, {
    // Nothing of ours: what a runtime does not need, it cannot pass on.
    env: { PATH: USUAL_PATH },
    stdio: ["pipe", "pipe", "pipe", "pipe", "ignore", namespace ?? "ignore"],
    detached: true,
    cwd: "/",
  });
  await once(child, "spawn");
  return child;
}
