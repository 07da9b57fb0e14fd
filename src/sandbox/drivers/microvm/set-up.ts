import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { realpath } from "node:fs/promises";
import { promisify } from "node:util";

import { USUAL_PATH } from "../../../domain/usual-path.ts";
import { DEFAULT_LIMITS } from "../../../domain/limits.ts";
import { findAll } from "../../interpreters.ts";
import { inheritedDescriptors } from "../inherited-descriptors.ts";
import { counterKhz } from "./counter-program.ts";
import type { MicrovmOptions } from "./create-microvm-driver.ts";
import { findFirecracker } from "./firecracker/find-firecracker.ts";
import { findBase } from "./host.ts";
import type { MicrovmHost } from "./host.ts";
import { makeInitramfs } from "./initramfs.ts";
import { judgeProtections } from "./judge-protections.ts";
import { findKernel } from "./kernel.ts";
import type { Monitor } from "./monitor.ts";
import { machineBytes } from "./open.ts";
import { probeMachine } from "./probe-machine.ts";
import type { FailedAt } from "./probe-machine.ts";
import { qemuMonitor } from "./qemu.ts";
import { makeSmallPagesProgram } from "./small-pages-program.ts";
import { snapshotTrouble } from "./snapshot-trouble.ts";
import { BOOTS, snapshotsOf } from "./snapshots.ts";

export type SetUp =
  | { readonly available: true; readonly host: MicrovmHost }
  | { readonly available: false; readonly reason: string; readonly remedy: string };

/** A machine that the processor runs boots in a second; if it does not, that does not work. */
const HARDWARE_MS = 5000;
/**
 * An emulated one takes three to five seconds of a processor. With twenty processes for each processor it was seen to have
 * two of them in a minute.
 */
const EMULATED_MS = 180_000;

/** Finds kernel and monitor, and boots a machine with each way to run one until one works. */
export async function setUp(options: MicrovmOptions): Promise<SetUp> {
  if (process.platform !== "linux" || process.arch !== "x64")
    return { available: false, reason: "it needs Linux on x86-64", remedy: "Use another runtime" };
  const searchPath = options.searchPath ?? `${process.env["PATH"] ?? ""}:${USUAL_PATH}`;
  const { monitors, reasons } = await monitorsOf(options, searchPath);
  if (monitors.length === 0) return { available: false, reason: reasons.join("; "), remedy: REMEDY };
  const kernel = await findKernel(options.kernel ?? null, options.stateDirectory);
  const initramfs = await makeInitramfs(kernel, searchPath, options.stateDirectory);
  const base = await findBase(kernel, initramfs, searchPath, options);
  /** Versions: it is no reason to confine a monitor less that its machine was slow. */
  const slow = new Set<string>();
  for (const monitor of monitors) {
    if (slow.has(monitor.version)) continue;
    const version = `${monitor.version}, Linux ${kernel.version}`;
    const bootMs = bootMsOf(monitor, options);
    const draft: MicrovmHost = { ...base, monitor, version, bootMs, protections: [], advice: [] };
    const probed = await probeMachine(draft, bootMs);
    if (!probed.works) {
      const named = probed.reason.startsWith(monitor.version) ? "" : `${monitor.version}: `;
      const said = probed.reason.replaceAll(/\s+/gu, " ");
      const reason = `${named}${said}${hintFor(said, monitor, probed.failed, base.ids.areOurs)}`;
      if (!reasons.includes(reason)) reasons.push(reason);
      if (probed.failed !== "monitor") slow.add(monitor.version);
      continue;
    }
    const protections = judgeProtections(probed.facts, monitor.version, base.cgroups, base.ids.areOurs);
    const before = reasons.map((reason) => `tried before it: ${reason}`);
    return {
      available: true,
      host: { ...draft, protections, advice: [...before, ...(await adviceFor(draft, monitors))] },
    };
  }
  return { available: false, reason: reasons.join("; "), remedy: "See docs/runtimes/microvm.md" };
}

/** KVM gets a short time where something else is tried after it, and a long one where it was asked for. */
function bootMsOf({ hardware }: Monitor, { monitor: wanted }: MicrovmOptions): number {
  const isAskedFor = wanted === "firecracker" || wanted === "qemu-kvm";
  return hardware && !isAskedFor ? HARDWARE_MS : EMULATED_MS;
}

const REMEDY =
  "On Debian and Ubuntu: apt-get install qemu-system-x86; with KVM also Firecracker, see docs/runtimes/microvm.md";

interface FoundMonitors {
  /** The best first. */
  readonly monitors: readonly Monitor[];
  /** Why others are not among them. */
  readonly reasons: string[];
}

/** What looks as if it could not work is not tried. */
async function monitorsOf(options: MicrovmOptions, searchPath: string): Promise<FoundMonitors> {
  const { monitor: wanted = "auto", firecracker = null, stateDirectory } = options;
  const reasons: string[] = [];
  const monitors: Monitor[] = [];
  if (wanted === "auto" || wanted === "firecracker") {
    const found = await findFirecracker(firecracker, searchPath, stateDirectory);
    if (found.monitor !== null) monitors.push(found.monitor);
    // Who neither has it nor asks for it, need not hear of it.
    else if (found.isThere || wanted === "firecracker") reasons.push(found.reason);
  }
  if (wanted !== "firecracker") {
    const [found] = findAll("qemu-system-x86_64", searchPath);
    if (found === undefined) reasons.push("there is no qemu-system-x86_64 on the PATH");
    else if (wanted === "qemu-kvm" && !existsSync("/dev/kvm")) reasons.push("there is no /dev/kvm");
    else {
      // The folder of a link to it is not to be seen in the monitor's namespaces.
      const program = await realpath(found);
      monitors.push(...(await qemuMonitors(program, searchPath, stateDirectory, wanted === "qemu-kvm")));
    }
  }
  return { monitors, reasons };
}

async function qemuMonitors(
  program: string,
  searchPath: string,
  stateDirectory: string,
  onlyKvm: boolean,
): Promise<readonly Monitor[]> {
  const version = await versionOf(program);
  const [bubblewrap = null] = findAll("bwrap", searchPath);
  const setpriv = findAll("setpriv", searchPath)[0] ?? "setpriv";
  const common = {
    program,
    version,
    setpriv,
    smallPages: await makeSmallPagesProgram(stateDirectory),
    counterKhz: await counterKhz(stateDirectory),
    inherited: inheritedDescriptors(),
  };
  const accelerators = [
    ...(existsSync("/dev/kvm") ? (["kvm"] as const) : []),
    ...(onlyKvm ? [] : (["tcg"] as const)),
  ];
  const confinements = bubblewrap === null ? [null] : [bubblewrap, null];
  return accelerators.flatMap((accelerator) =>
    confinements.map((one) => qemuMonitor({ ...common, accelerator, bubblewrap: one })),
  );
}

async function versionOf(program: string): Promise<string> {
  const { stdout } = await promisify(execFile)(program, ["--version"], { timeout: 10_000 });
  return /version (\d[\w.]*)/u.exec(stdout)?.[1] ?? "of unknown version";
}

/** What the words of others are known to mean; `reason` is in them. */
function hintFor(reason: string, monitor: Monitor, failed: FailedAt, monitorsHaveUsers: boolean): string {
  if (failed === "time" && monitor.version.startsWith("Firecracker"))
    return "; its API took the machine and started it, and KVM ran it no further than that";
  if (/Failed to exec into Firecracker: No such file/u.test(reason))
    return "; in its jail it has no libraries: it has to be static, as its releases are";
  if (!/kvm: Permission denied/u.test(reason)) return "";
  return monitorsHaveUsers
    ? "; monitors run as users of their own, so /dev/kvm has to be for a group: chgrp kvm /dev/kvm; chmod 660 /dev/kvm"
    : "; whoever runs Whiskers has to be in the group of /dev/kvm: usermod -aG kvm USER";
}

async function adviceFor(
  { monitor, cgroups, ids, stateDirectory }: MicrovmHost,
  tried: readonly Monitor[],
): Promise<readonly string[]> {
  const trouble = monitor.saves
    ? await snapshotTrouble(snapshotsOf(stateDirectory), machineBytes(DEFAULT_LIMITS))
    : null;
  return [
    ...(monitor.hardware
      ? []
      : ["no KVM that runs a guest: machines are emulated, which is some fifteen times slower"]),
    ...(monitor.saves
      ? []
      : [`QEMU is in no namespaces of its own, and ${BOOTS}: ${remedyForNamespaces(monitor, tried)}`]),
    ...(trouble === null ? [] : [`${BOOTS}: ${trouble.words}`]),
    ...(ids.areOurs
      ? []
      : ["not root: the monitor runs as the user who runs Whiskers, not as one of its own"]),
    ...(cgroups === null ? ["no cgroup is writable: what the monitor uses is limited by a watchdog"] : []),
  ];
}

function remedyForNamespaces({ version }: Monitor, tried: readonly Monitor[]): string {
  return tried.some((one) => one.version === version && one.saves)
    ? "it did not work in those of bubblewrap, as is said above"
    : "install bubblewrap (apt-get install bubblewrap)";
}
