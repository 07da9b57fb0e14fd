import type { Package } from "../../../domain/package.ts";
import { messageOf } from "../../../domain/unknown.ts";
import { WhiskersError } from "../../../errors.ts";
import type { Capabilities, Driver, OpenRequest, Prepared, Probe, Sandbox } from "../../driver.ts";
import { prepareView } from "../../view/prepare-view.ts";
import type { PreparedView } from "../../view/view-host.ts";
import { prepareOnce } from "../prepare-once.ts";
import { rememberAvailable } from "../remember-available.ts";
import type { OciHost } from "./host.ts";
import { openGuest } from "./open.ts";
import { setUp } from "./set-up.ts";
import type { SetUp } from "./set-up.ts";

export interface OciOptions {
  /** A folder of this driver's own, for what it keeps from start to start; made when missing. Absolute. */
  readonly stateDirectory: string;
  /** Holds `python/` and `typescript/`. Absolute. */
  readonly sdkFolder: string;
  /** The Python for packages that want no certain version and have no root, instead of the first on the PATH. */
  readonly python?: string | undefined;
  /** Of the driver; `oci` when not given. Two that make other containers have other names. */
  readonly name?: string | undefined;
  /** Name or path of an OCI runtime; `auto`: the strongest that works. */
  readonly runtime?: string | undefined;
  /** Where programs are looked for; the PATH when not given. */
  readonly searchPath?: string | undefined;
}

/** Guests in containers of any OCI runtime, by its command line, without a daemon: docs/runtimes/oci.md. */
export function createOciDriver(options: OciOptions): Driver {
  return new OciDriver(options);
}

class OciDriver implements Driver {
  readonly name: string;
  readonly #options: OciOptions;
  readonly #prepareOnce = prepareOnce<PreparedView>();
  readonly #found: () => Promise<SetUp>;
  /** Known once it has been tried; until then it is what is most likely. */
  #memoryLimit = true;
  #ownKernel = false;

  constructor(options: OciOptions) {
    this.#options = options;
    this.#found = rememberAvailable(() => setUp(options));
    this.name = options.name ?? "oci";
  }

  get capabilities(): Capabilities {
    return {
      isolates: true,
      ownKernel: this.#ownKernel,
      memoryLimit: this.#memoryLimit,
      fork: true,
      roots: true,
      guests: ["python", "javascript", "php", "program", "command"],
      lateCode: true,
    };
  }

  async probe(): Promise<Probe> {
    try {
      const found = await this.#setUp();
      if (!found.available) return found;
      const { runtime, protections, advice } = found.host;
      return { available: true, version: runtime.version, protections, advice };
    } catch (error) {
      return { available: false, reason: messageOf(error), remedy: "See docs/runtimes/oci.md." };
    }
  }

  async prepare(pkg: Package): Promise<Prepared> {
    const host = await this.#host();
    const code = pkg.loadsLate === true ? pkg.folder : pkg.digest;
    const key = [code, pkg.root?.digest, pkg.dependencies?.digest].join(" ");
    return { ...(await this.#prepareOnce(key, () => prepareView(pkg, host, this.#options.python))), pkg };
  }

  async open(prepared: Prepared, request: OpenRequest): Promise<Sandbox> {
    return openGuest(prepared as PreparedView, request, await this.#host());
  }

  async #host(): Promise<OciHost> {
    const found = await this.#setUp();
    if (found.available) return found.host;
    throw new WhiskersError("runtime-unavailable", `${this.name}: ${found.reason}. ${found.remedy}`);
  }

  async #setUp(): Promise<SetUp> {
    const found = await this.#found();
    if (found.available) {
      this.#memoryLimit = found.host.cgroups?.controllers.has("memory") === true;
      this.#ownKernel = found.host.runtime.ownKernel;
    }
    return found;
  }
}
