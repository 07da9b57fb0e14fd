import { randomBytes } from "node:crypto";

import { messageOf } from "../../../domain/unknown.ts";
import { WhiskersError } from "../../../errors.ts";
import type { OpenRequest } from "../../driver.ts";
import { guestCommand } from "../../guest-command.ts";
import type { GuestCommand } from "../../guest-command.ts";
import { INSIDE, withLimits } from "../../view/view.ts";
import type { Entry } from "../../view/view.ts";
import type { PreparedView } from "../../view/view-host.ts";
import { CgroupMeter, WatchdogMeter } from "../meter.ts";
import type { Disks } from "./disks.ts";
import { CLOSE_ROOT, guestScript, placeInRoot, setupScript } from "./guest-scripts.ts";
import type { MicrovmHost } from "./host.ts";
import { MicrovmSandbox } from "./sandbox.ts";

const MiB = 1024 * 1024;
/** Of the machine's memory, what its kernel and our init need beside the guest: the guest meets its own limit first. */
const KERNEL_BYTES = 112 * MiB;
/** A whole number of processors, and the monitor's own threads. */
const MONITOR_CPUS = 1;

/** A prepared package, with the disks of its machines. */
export interface PreparedMachine extends PreparedView {
  readonly disks: Disks;
}

/** @throws WhiskersError `sandbox-failed` */
export async function openGuest(
  prepared: PreparedMachine,
  request: OpenRequest,
  host: MicrovmHost,
): Promise<MicrovmSandbox> {
  const paths = {
    packageFolder: INSIDE.package,
    sdkFolder: INSIDE.sdk,
    dependenciesFolder: INSIDE.dependencies,
    interpreter: prepared.interpreter,
    metaFile: `${INSIDE.files}/meta.json`,
    privateTmp: true,
    compileCacheFolder: prepared.compileCacheFolder,
  };
  const command = guestCommand(prepared.pkg, request.state, paths, request.limits);
  const { kind } = prepared.pkg.manifest.guest;
  // Others open their streams again by name, or want to know what kind of file they are.
  const relayed = kind !== "python" && kind !== "program";
  return openMachine({ ...prepared, command, relayed }, request, host);
}

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
  { entries, disks, command, relayed }: MachineContents,
  { limits, files }: Pick<OpenRequest, "limits" | "files">,
  host: MicrovmHost,
): Promise<MicrovmSandbox> {
  const { monitor, kernel, initramfs } = host;
  const name = host.nextName();
  const userId = host.ids.take();
  const cpus = Math.max(1, Math.ceil(limits.cpus));
  const memoryBytes = limits.memoryBytes + KERNEL_BYTES;
  const whole = memoryBytes + monitor.ownMemoryBytes;
  const cgroup =
    host.cgroups?.create(name, {
      memoryBytes: whole,
      processes: cpus + monitor.ownProcesses,
      cpus: cpus + MONITOR_CPUS,
    }) ?? null;
  const release = async (): Promise<void> => {
    await cgroup?.remove();
    host.ids.release(userId);
  };
  try {
    const machine = await monitor.start({
      name,
      kernel: kernel.file,
      initramfs,
      kernelArguments: "",
      disks: disks.files,
      memoryBytes,
      cpus,
      procsFiles: cgroup?.procsFiles ?? [],
      userId,
    });
    const setup = setupScript(withLimits(entries, limits), disks.placeOf, disks.files.length, limits);
    return new MicrovmSandbox({
      id: name,
      host,
      machine,
      meter: cgroup === null ? new WatchdogMeter(whole) : new CgroupMeter(cgroup),
      bootMs: limits.startMs,
      mark: randomBytes(24).toString("hex"),
      relayed,
      setup: [
        { path: "/setup", content: Buffer.from(setup) },
        { path: "/guest", content: Buffer.from(guestScript(command, limits)) },
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
