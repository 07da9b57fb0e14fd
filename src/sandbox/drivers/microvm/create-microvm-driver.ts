import type { Package } from "../../../domain/package.ts";
import { DEFAULT_LIMITS } from "../../../domain/limits.ts";
import { messageOf } from "../../../domain/unknown.ts";
import { WhiskersError } from "../../../errors.ts";
import type { Capabilities, Driver, OpenRequest, Prepared, Probe, Sandbox } from "../../driver.ts";
import { prepareView } from "../../view/prepare-view.ts";
import { privateView, systemView } from "../../view/view.ts";
import type { Entry } from "../../view/view.ts";
import type { ViewHost } from "../../view/view-host.ts";
import { prepareOnce } from "../prepare-once.ts";
import { rememberAvailable } from "../remember-available.ts";
import { makeDisks } from "./disks.ts";
import type { Disks } from "./disks.ts";
import type { MicrovmHost } from "./host.ts";
import { openGuest, openMachine } from "./open.ts";
import type { PreparedMachine } from "./open.ts";
import { setUp } from "./set-up.ts";
import type { SetUp } from "./set-up.ts";

export interface MicrovmOptions {
  /** A folder of this driver's own, for what it keeps from start to start; made when missing. Absolute. */
  readonly stateDirectory: string;
  /** Holds `python/` and `typescript/`. Absolute. */
  readonly sdkFolder: string;
  /** `diskImage` of the packages. */
  readonly diskImage: (folder: string, digest: string | null, home: string) => Promise<string>;
  /** A kernel's file, absolute; null or not given: the newest cloud kernel that is installed. */
  readonly kernel?: string | null | undefined;
  /**
   * What runs the machines; `auto` when not given: Firecracker where a machine boots with it, else QEMU. `qemu-kvm` never
   * emulates.
   */
  readonly monitor?: "auto" | "firecracker" | "qemu" | "qemu-kvm" | undefined;
  /** Firecracker's program, absolute; null or not given: the first on the search path. */
  readonly firecracker?: string | null | undefined;
  /** Where programs are looked for; the PATH when not given. */
  readonly searchPath?: string | undefined;
  /** Is told why machines boot that should go on from a snapshot, and what to do: a sentence, once for each cause. */
  readonly warn?: ((what: string) => void) | undefined;
}

/** Guests in virtual machines, each with a kernel of its own: docs/runtimes/microvm.md. */
export function createMicrovmDriver(options: MicrovmOptions): Driver {
  return new MicrovmDriver(options);
}

class MicrovmDriver implements Driver {
  readonly name = "microvm";
  readonly capabilities: Capabilities = {
    isolates: true,
    ownKernel: true,
    memoryLimit: true,
    fork: true,
    roots: true,
    needsRoot: true,
    guests: ["python", "javascript", "php", "program", "command"],
  };
  readonly #prepareOnce = prepareOnce<PreparedMachine>();
  readonly #setUp: () => Promise<SetUp>;

  constructor(options: MicrovmOptions) {
    this.#setUp = rememberAvailable(() => setUp(options));
  }

  async probe(): Promise<Probe> {
    try {
      const found = await this.#setUp();
      if (!found.available) return found;
      const { version, protections, advice } = found.host;
      return { available: true, version, protections, advice };
    } catch (error) {
      return { available: false, reason: messageOf(error), remedy: "See docs/runtimes/microvm.md" };
    }
  }

  async prepare(pkg: Package): Promise<Prepared> {
    const host = await this.#host();
    const key = [pkg.digest, pkg.root?.digest, pkg.dependencies?.digest].join(" ");
    return { ...(await this.#prepareOnce(key, () => prepareMachine(pkg, host))), pkg };
  }

  async open(prepared: Prepared, request: OpenRequest): Promise<Sandbox> {
    return openGuest(prepared as PreparedMachine, request, await this.#host());
  }

  async #host(): Promise<MicrovmHost> {
    const found = await this.#setUp();
    if (found.available) return found.host;
    throw new WhiskersError("runtime-unavailable", `microvm: ${found.reason}. ${found.remedy}`);
  }
}

/** @throws WhiskersError `environment-missing`, `sandbox-failed`, `root-failed` */
async function prepareMachine(pkg: Package, host: MicrovmHost): Promise<PreparedMachine> {
  const { root } = pkg;
  if (root === null) {
    const message = `${pkg.manifest.id} has no root filesystem, and a virtual machine sees nothing of this machine's programs: name one in its \`environment\` and make it with \`whiskers root make\`, or give it an image`;
    throw new WhiskersError("environment-missing", message);
  }
  const made = new Map<string, Promise<Disks>>();
  const disksOf = (entries: readonly Entry[]): Promise<Disks> => {
    const key = JSON.stringify(entries);
    const disks = made.get(key) ?? makeDisks(entries, root, host);
    made.set(key, disks);
    return disks;
  };
  const { stateDirectory, etcFolder, sdkFolder } = host;
  const viewHost: ViewHost = {
    stateDirectory,
    etcFolder,
    sdkFolder,
    findPython: (version, python) => host.findPython(version, python),
    rememberPython: (key, ask) => host.rememberPython(key, ask),
    // A whole machine would be booted for it; one that is saved has loaded the code already.
    compilesPackages: false,
    makeEntries: (parts) => Promise.resolve([...privateView(DEFAULT_LIMITS), ...systemView(parts)]),
    launch: async (entries, command) =>
      openMachine(
        { entries, disks: await disksOf(entries), command, relayed: true },
        { limits: { ...DEFAULT_LIMITS, startMs: host.bootMs }, files: [] },
        host,
      ),
  };
  const view = await prepareView(pkg, viewHost, undefined);
  return { ...view, disks: await disksOf(view.entries) };
}
