import type { Package } from "../../../domain/package.ts";
import { messageOf } from "../../../domain/unknown.ts";
import { WhiskersError } from "../../../errors.ts";
import type { Capabilities, Driver, OpenRequest, Prepared, Probe, Sandbox } from "../../driver.ts";
import { prepareOnce } from "../prepare-once.ts";
import { rememberAvailable } from "../remember-available.ts";
import { INIT_MODES } from "./init.ts";
import { setUp } from "./host.ts";
import type { Host, SetUp } from "./host.ts";
import { openSandbox } from "./open.ts";
import { preparePackage } from "./prepare.ts";
import type { PreparedPackage } from "./prepare.ts";

export interface DockerOptions {
  /** Of the driver; `docker` when not given. Two that make other containers have other names. */
  readonly name?: string | undefined;
  /** A folder of this driver's own, for what it keeps from start to start; made when missing. Absolute. */
  readonly stateDirectory: string;
  /** Holds `python/` and `typescript/`. Absolute. */
  readonly sdkFolder: string;
  /** The Python for packages that want no certain version, instead of the first on the PATH. */
  readonly python?: string | undefined;
  /** Where the engine listens, `unix:///...`; null or not given: the first of the usual sockets that is there. */
  readonly host?: string | null | undefined;
  /** A runtime of the engine's (`runc`, `runsc`, `kata`); null or not given: its default. */
  readonly runtime?: string | null | undefined;
  /** Where programs of this machine are looked for; the PATH when not given. */
  readonly searchPath?: string | undefined;
}

/**
 * Guests as containers of a Docker engine, or of Podman, by whatever runtime it has: docs/runtimes/docker.md.
 */
export function createDockerDriver(options: DockerOptions): Driver {
  return new DockerDriver(options);
}

class DockerDriver implements Driver {
  readonly name: string;
  readonly #options: DockerOptions;
  readonly #prepareOnce = prepareOnce<PreparedPackage>();
  readonly #found: () => Promise<SetUp>;
  /** Known once it has been tried. */
  #ownKernel = false;
  #fork = true;
  #memoryLimit = true;
  #needsRoot = false;

  constructor(options: DockerOptions) {
    this.#options = options;
    this.#found = rememberAvailable(() => setUp(options));
    this.name = options.name ?? "docker";
  }

  get capabilities(): Capabilities {
    return {
      isolates: true,
      ownKernel: this.#ownKernel,
      memoryLimit: this.#memoryLimit,
      fork: this.#fork,
      roots: true,
      needsRoot: this.#needsRoot,
      guests: ["python", "javascript", "php", "program", "command"],
    };
  }

  async probe(): Promise<Probe> {
    try {
      const found = await this.#setUp();
      if (!found.available) return found;
      const { version, protections, advice } = found.host;
      return { available: true, version, protections, advice };
    } catch (error) {
      return { available: false, reason: messageOf(error), remedy: "See docs/runtimes/docker.md." };
    }
  }

  async prepare(pkg: Package): Promise<Prepared> {
    const host = await this.#host();
    const key = [pkg.digest, pkg.root?.digest, pkg.dependencies?.digest].join(" ");
    return { ...(await this.#prepareOnce(key, () => preparePackage(pkg, host, this.#options))), pkg };
  }

  async open(prepared: Prepared, request: OpenRequest): Promise<Sandbox> {
    return openSandbox(prepared as PreparedPackage, request, await this.#host());
  }

  async #host(): Promise<Host> {
    const found = await this.#setUp();
    if (found.available) return found.host;
    throw new WhiskersError("runtime-unavailable", `${this.name}: ${found.reason}. ${found.remedy}`);
  }

  async #setUp(): Promise<SetUp> {
    const found = await this.#found();
    if (found.available) {
      const { ownKernel, initMode, sharesFiles, limits } = found.host;
      this.#needsRoot = !sharesFiles;
      this.#ownKernel = ownKernel;
      this.#memoryLimit = limits.has("memory");
      // Where nothing can hide from others of its user, a run could write to the stream of what it is forked from.
      this.#fork = initMode === INIT_MODES[0].mode;
    }
    return found;
  }
}
