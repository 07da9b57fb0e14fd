import { randomBytes } from "node:crypto";
import { mkdir, readFile } from "node:fs/promises";
import path from "node:path/posix";

import type { Protection } from "../../../domain/outcome.ts";
import type { CgroupParent } from "../../cgroup/cgroup.ts";
import { openCgroups } from "../../cgroup/open-cgroups.ts";
import { sandboxNamePrefix } from "../../cgroup/owner.ts";
import type { Python } from "../../interpreters.ts";
import { makeEtcFolder } from "../../view/etc-folder.ts";
import { rememberPythons } from "../../view/remember-pythons.ts";
import { copySdk } from "../../view/sdk-copy.ts";
import type { ViewHost } from "../../view/view-host.ts";
import { prepareOnce } from "../prepare-once.ts";
import { SandboxIds } from "../subprocess/confine.ts";
import type { MicrovmOptions } from "./create-microvm-driver.ts";
import type { Kernel } from "./kernel.ts";
import type { Monitor } from "./monitor.ts";
import { reap } from "./reap.ts";
import type { Snapshot } from "./snapshots.ts";

/** This machine as far as virtual machines in it are concerned. */
export interface MicrovmHost extends Omit<ViewHost, "makeEntries" | "launch"> {
  readonly kernel: Kernel;
  readonly initramfs: string;
  readonly monitor: Monitor;
  readonly cgroups: CgroupParent | null;
  readonly ids: SandboxIds;
  /** What a machine is given to boot, milliseconds, where no limit of a normalizer says it. */
  readonly bootMs: number;
  readonly protections: readonly Protection[];
  /** `QEMU 7.2.22 (TCG), Linux 6.1.0-56-cloud-amd64` */
  readonly version: string;
  readonly advice: readonly string[];
  /** A folder, with its digest where that is known, as a disk that cannot be written to: its file. */
  diskImage(folder: string, digest: string | null): Promise<string>;
  /** Model and features: a machine that was told of them cannot do without. */
  readonly processor: string;
  /** Of this start of the host's kernel: what was not on the disk when power was lost is not used. */
  readonly bootId: string;
  /** That are being made, or could not be: `provideSnapshot`. */
  readonly snapshots: Map<string, Promise<Snapshot | null>>;
  /** Tells a person, once for each cause. */
  warn(cause: string, what: string): void;
  rememberPython(key: string, ask: () => Promise<Python>): Promise<Python>;
  nextName(): string;
}

export type HostBase = Omit<MicrovmHost, "monitor" | "bootMs" | "protections" | "version" | "advice">;

/** What does not depend on the monitor; and what a process that was killed left behind, removed. */
export async function findBase(
  kernel: Kernel,
  initramfs: string,
  searchPath: string,
  { stateDirectory, sdkFolder, diskImage, warn }: MicrovmOptions,
): Promise<HostBase> {
  await mkdir(stateDirectory, { recursive: true });
  await reap(stateDirectory);
  const instance = randomBytes(4).readUInt32BE() % 1_000_000;
  const draftName = `${process.pid}-${instance}`;
  const prefix = sandboxNamePrefix();
  let count = 0;
  const warned = new Set<string>();
  return {
    kernel,
    initramfs,
    stateDirectory,
    diskImage: (folder, digest) => diskImage(folder, digest, path.join(stateDirectory, "microvm")),
    processor: await describeProcessor(),
    bootId: await readFile("/proc/sys/kernel/random/boot_id", "utf8"),
    snapshots: new Map(),
    warn: (cause, what) => {
      if (!warned.has(cause)) warn?.(what);
      warned.add(cause);
    },
    cgroups: openCgroups(),
    ids: new SandboxIds(),
    etcFolder: await makeEtcFolder(stateDirectory, draftName),
    sdkFolder: await copySdk(sdkFolder, stateDirectory, draftName),
    findPython: rememberPythons(searchPath),
    // Asking it takes a whole machine.
    rememberPython: prepareOnce<Python>(),
    nextName: () => `${prefix}${instance}${String((count += 1)).padStart(6, "0")}`,
  };
}

async function describeProcessor(): Promise<string> {
  const told = await readFile("/proc/cpuinfo", "utf8");
  return ["model name", "flags"]
    .map((name) => new RegExp(`^${name}\\s*:.*$`, "mu").exec(told)?.[0] ?? "")
    .join("\n");
}
