import { mkdir } from "node:fs/promises";
import path from "node:path/posix";

import type { Package } from "../../../domain/package.ts";
import { messageOf } from "../../../domain/unknown.ts";
import { WhiskersError } from "../../../errors.ts";
import type { Driver, OpenRequest, Prepared, Probe, Sandbox } from "../../driver.ts";
import { setUp } from "./host.ts";
import type { Host } from "./host.ts";
import { openSandbox } from "./open.ts";
import { preparePackage } from "./prepare.ts";
import type { PreparedPackage } from "./prepare.ts";
import { probeHost } from "./probe.ts";

export interface SubprocessOptions {
  /** A folder of this driver's own, for what it keeps from start to start; made when missing. Absolute. */
  readonly stateDirectory: string;
  /** Holds `python/` and `typescript/`. Absolute. */
  readonly sdkFolder: string;
  /** The Python for packages that want no certain version, instead of the first on the PATH. */
  readonly python?: string | undefined;
  /** Which tools make the sandbox; `auto`: bubblewrap when it works, else util-linux. */
  readonly variant?: "auto" | "bubblewrap" | "util-linux" | undefined;
  /** Where programs are looked for; the PATH when not given. */
  readonly searchPath?: string | undefined;
}

/**
 * Guests as processes of this machine, each in namespaces of its own, under a seccomp filter and the
 * kernel's limits: docs/runtimes/subprocess.md.
 */
export function createSubprocessDriver(options: SubprocessOptions): Driver {
  return new SubprocessDriver(options);
}

class SubprocessDriver implements Driver {
  readonly name = "subprocess";
  readonly capabilities = {
    isolates: true,
    memoryLimit: true,
    fork: true,
    guests: ["python", "javascript", "command"],
  } as const;
  readonly #options: SubprocessOptions;
  readonly #prepared = new Map<string, Promise<PreparedPackage>>();
  #host: Promise<Host> | null = null;
  #probe: Promise<Probe> | null = null;

  constructor(options: SubprocessOptions) {
    this.#options = options;
  }

  async probe(): Promise<Probe> {
    this.#probe ??= this.#tryIt();
    return this.#probe;
  }

  async prepare(pkg: Package): Promise<Prepared> {
    const host = await this.#setUp();
    let prepared = this.#prepared.get(pkg.digest);
    if (prepared === undefined) {
      prepared = preparePackage(pkg, host, this.#options);
      this.#prepared.set(pkg.digest, prepared);
      // What is missing may be installed later.
      prepared.catch(() => this.#prepared.delete(pkg.digest));
    }
    return { ...(await prepared), pkg };
  }

  async open(prepared: Prepared, request: OpenRequest): Promise<Sandbox> {
    return openSandbox(prepared as PreparedPackage, request, await this.#setUp());
  }

  async #tryIt(): Promise<Probe> {
    try {
      return await probeHost(await this.#setUp());
    } catch (error) {
      const remedy = error instanceof WhiskersError ? error.row.remedy : "See docs/runtimes/subprocess.md.";
      return { available: false, reason: messageOf(error), remedy };
    }
  }

  async #setUp(): Promise<Host> {
    this.#host ??= this.#makeHost();
    return this.#host;
  }

  async #makeHost(): Promise<Host> {
    const stateDirectory = path.join(this.#options.stateDirectory);
    await mkdir(stateDirectory, { recursive: true });
    return setUp({ ...this.#options, stateDirectory });
  }
}
