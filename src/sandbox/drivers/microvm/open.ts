import { randomBytes } from "node:crypto";

import { messageOf } from "../../../domain/unknown.ts";
import { WhiskersError } from "../../../errors.ts";
import type { Limits } from "../../../domain/limits.ts";
import type { Cgroup } from "../../cgroup/cgroup.ts";
import type { OpenRequest } from "../../driver.ts";
import { guestCommand } from "../../guest-command.ts";
import type { GuestCommand } from "../../guest-command.ts";
import { withLimits } from "../../view/view.ts";
import type { Entry } from "../../view/view.ts";
import type { PreparedView } from "../../view/view-host.ts";
import { pathsInside } from "../../view/paths-inside.ts";
import { CgroupMeter, WatchdogMeter } from "../meter.ts";
import type { Disks } from "./disks.ts";
import { CLOSE_ROOT, guestScript, placeInRoot, setupScript } from "./guest-scripts.ts";
import type { MicrovmHost } from "./host.ts";
import { MicrovmSandbox } from "./sandbox.ts";
import { provideSnapshot, readSnapshot, removeSnapshot } from "./snapshots.ts";
import type { Snapshot } from "./snapshots.ts";

const MiB = 1024 * 1024;
/** Of the machine's memory, what its kernel and our init need beside the guest: the guest meets its own limit first. */
const KERNEL_BYTES = 112 * MiB;
/** A whole number of processors, and the monitor's own threads. */
const MONITOR_CPUS = 1;

/** A prepared package, with the disks of its machines. */
export interface PreparedMachine extends PreparedView {
  readonly disks: Disks;
}

/** Goes on from a snapshot where one can be had, else boots. @throws WhiskersError `sandbox-failed` */
export async function openGuest(
  prepared: PreparedMachine,
  request: OpenRequest,
  host: MicrovmHost,
): Promise<MicrovmSandbox> {
  const { kind } = prepared.pkg.manifest.guest;
  if (kind === "python" && request.state !== "reuse" && request.files.length === 0) {
    const restored = await restoreGuest(contentsOf(prepared, "fork", request), request, host);
    if (restored !== null) return restored;
  }
  return openMachine(contentsOf(prepared, request.state, request), request, host);
}

/**
 * A guest that forks for every run, which also `fresh` may use here: its machine ends after one run. A forked child
 * draws new random numbers; one process that goes on would not. Null: there is no snapshot, or it did not work.
 */
async function restoreGuest(
  contents: MachineContents,
  request: OpenRequest,
  host: MicrovmHost,
): Promise<MicrovmSandbox | null> {
  const { limits } = request;
  const { setup, guest } = scriptsOf(contents, limits);
  const subject = {
    parts: [setup, guest, ...contents.disks.files],
    memoryBytes: machineBytes(limits),
    startMs: limits.startMs,
    start: (folder: string, mark: string, userId: number | null) =>
      openMachine(contents, request, host, { as: "saved", folder, mark, userId }),
  };
  const snapshot = await provideSnapshot(subject, host);
  if (snapshot === null) return null;
  const sandbox = await openMachine(contents, request, host, { as: "restored", ...snapshot }).catch(
    async (error: unknown) => {
      if (await isThere(snapshot)) throw error;
      return null;
    },
  );
  if (sandbox === null) return null;
  const why = await sandbox.whyNotOn;
  if (why === null) return sandbox;
  await sandbox.close();
  // Another process may have removed it, and made another.
  if (!(await isThere(snapshot))) return null;
  await removeSnapshot(snapshot);
  host.warn(why, `a machine booted, for it did not go on from its snapshot, which is made anew: ${why}`);
  return null;
}

async function isThere({ folder, mark }: Snapshot): Promise<boolean> {
  return (await readSnapshot(folder))?.mark === mark;
}

function contentsOf(
  prepared: PreparedMachine,
  state: OpenRequest["state"],
  { limits }: OpenRequest,
): MachineContents {
  const { kind } = prepared.pkg.manifest.guest;
  return {
    ...prepared,
    command: guestCommand(prepared.pkg, state, pathsInside(prepared), limits),
    // Others open their streams again by name, or want to know what kind of file they are.
    relayed: kind !== "python" && kind !== "program",
  };
}

function scriptsOf(
  { entries, disks, command }: MachineContents,
  limits: Limits,
): Record<"setup" | "guest", string> {
  return {
    setup: setupScript(withLimits(entries, limits), disks.placeOf, disks.files.length, limits),
    guest: guestScript(command, limits),
  };
}

/** The memory of a machine for a guest with these limits. */
export function machineBytes({ memoryBytes }: Limits): number {
  return memoryBytes + KERNEL_BYTES;
}

type SavedOrRestored =
  | { readonly as: "saved"; readonly folder: string; readonly mark: string; readonly userId: number | null }
  | ({ readonly as: "restored" } & Snapshot);

/** What runs in a machine. */
export interface MachineContents {
  readonly entries: readonly Entry[];
  readonly disks: Disks;
  readonly command: GuestCommand;
  /** The guest gets pipes, not the devices themselves. */
  readonly relayed: boolean;
}

/** Starts any command in a machine. @throws WhiskersError `sandbox-failed` */
export async function openMachine(
  contents: MachineContents,
  { limits, files }: Pick<OpenRequest, "limits" | "files">,
  host: MicrovmHost,
  snapshot?: SavedOrRestored,
): Promise<MicrovmSandbox> {
  const { disks, relayed } = contents;
  const { monitor, kernel, initramfs } = host;
  const name = host.nextName();
  // Whoever saves a machine has made its files another's already.
  const ownId = snapshot?.as === "saved" ? null : host.ids.take();
  const userId = snapshot?.as === "saved" ? snapshot.userId : ownId;
  const cpus = Math.max(1, Math.ceil(limits.cpus));
  const memoryBytes = machineBytes(limits);
  const whole = memoryBytes + monitor.ownMemoryBytes;
  let cgroup: Cgroup | null = null;
  const release = async (): Promise<void> => {
    await cgroup?.remove();
    host.ids.release(ownId);
  };
  try {
    cgroup =
      host.cgroups?.create(name, {
        memoryBytes: whole,
        processes: cpus + monitor.ownProcesses,
        cpus: cpus + MONITOR_CPUS,
      }) ?? null;
    const machine = await monitor.start({
      name,
      kernel: kernel.file,
      initramfs,
      kernelArguments: "",
      disks: disks.files,
      memoryBytes,
      cpus,
      enterFiles: cgroup?.enterFiles ?? [],
      userId,
      ...(snapshot === undefined ? {} : { snapshot: { folder: snapshot.folder, as: snapshot.as } }),
    });
    const { setup, guest } = scriptsOf(contents, limits);
    return new MicrovmSandbox({
      id: name,
      host,
      machine,
      meter: cgroup === null ? new WatchdogMeter(whole) : new CgroupMeter(cgroup),
      // One that does not go on has to boot, in time.
      bootMs: snapshot?.as === "restored" ? limits.startMs / 2 : limits.startMs,
      mark: snapshot?.mark ?? randomBytes(24).toString("hex"),
      ...(snapshot?.as === "restored" ? { printed: [snapshot.ready, snapshot.said] as const } : {}),
      relayed,
      setup: [
        { path: "/setup", content: Buffer.from(setup) },
        { path: "/guest", content: Buffer.from(guest) },
      ],
      files: files.map((file) => ({ path: placeInRoot(file.name), content: file.content })),
      closing: [{ path: "/setup", content: Buffer.from(CLOSE_ROOT) }],
      release,
    });
  } catch (error) {
    await release();
    const message = `cannot start a virtual machine: ${messageOf(error)}`;
    throw new WhiskersError("sandbox-failed", message, { cause: error });
  }
}
