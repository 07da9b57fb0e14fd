import type { Package } from "../../../domain/package.ts";
import { messageOf } from "../../../domain/unknown.ts";
import { WhiskersError } from "../../../errors.ts";
import type { Capabilities, Driver, OpenRequest, Prepared, Probe, Sandbox } from "../../driver.ts";
import { prepareOnce } from "../prepare-once.ts";
import { rememberAvailable } from "../remember-available.ts";
import { setUp } from "./host.ts";
import type { Host, SetUp } from "./host.ts";
import { openSandbox } from "./open.ts";
import { viewHost } from "./view-host.ts";
import { prepareView } from "../../view/prepare-view.ts";
import type { PreparedView } from "../../view/view-host.ts";

export interface SubprocessOptions {
  /** A folder of this driver's own, for what it keeps from start to start; made when missing. Absolute. */
  readonly stateDirectory: string;
  /** Holds `python/` and `typescript/`. Absolute. */
  readonly sdkFolder: string;
  /** The Python for packages that want no certain version, instead of the first on the PATH. */
  readonly python?: string | undefined;
  /** Which tools make the sandbox; `auto`: bubblewrap when it works, else util-linux. */
  readonly variant?: "auto" | "bubblewrap" | "util-linux" | undefined;
  /** Of the driver; `subprocess` when not given. Two that make other sandboxes have other names. */
  readonly name?: string | undefined;
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
  readonly name: string;
  readonly #options: SubprocessOptions;
  readonly #prepareOnce = prepareOnce<PreparedView>();
  readonly #found: () => Promise<SetUp>;
  /** Known once it has been tried; until then it is what is most likely. */
  #memoryLimit = true;
  #roots = true;

  constructor(options: SubprocessOptions) {
    this.#options = options;
    this.#found = rememberAvailable(() => setUp(options));
    this.name = options.name ?? "subprocess";
  }

  get capabilities(): Capabilities {
    return {
      isolates: true,
      memoryLimit: this.#memoryLimit,
      fork: true,
      roots: this.#roots,
      guests: ["python", "javascript", "php", "program", "command"],
      lateCode: true,
    };
  }

  async probe(): Promise<Probe> {
    try {
      const found = await this.#setUp();
      if (!found.available) return found;
      const { variant, protections, advice } = found.host;
      return { available: true, version: variant.version, protections, advice };
    } catch (error) {
      return { available: false, reason: messageOf(error), remedy: "See docs/runtimes/subprocess.md." };
    }
  }

  async prepare(pkg: Package): Promise<Prepared> {
    const host = await this.#host();
    const code = pkg.loadsLate === true ? pkg.folder : pkg.digest;
    const key = [code, pkg.root?.digest, pkg.dependencies?.digest].join(" ");
    return {
      ...(await this.#prepareOnce(key, () =>
        prepareView(pkg, viewHost(host, this.#options.stateDirectory), this.#options.python),
      )),
      pkg,
    };
  }

  async open(prepared: Prepared, request: OpenRequest): Promise<Sandbox> {
    return openSandbox(prepared as PreparedView, request, await this.#host());
  }

  async #host(): Promise<Host> {
    const found = await this.#setUp();
    if (found.available) return found.host;
    throw new WhiskersError("runtime-unavailable", `${this.name}: ${found.reason}. ${found.remedy}`);
  }

  async #setUp(): Promise<SetUp> {
    const found = await this.#found();
    if (found.available) {
      const { cgroups, variant, ids } = found.host;
      this.#memoryLimit = cgroups?.controllers.has("memory") === true;
      // What limits a sandbox must not be loaded with libraries of a root that nobody trusts.
      const limitsFromOutside = ids.areOurs || cgroups?.controllers.has("pids") === true;
      this.#roots = variant.roots && limitsFromOutside;
    }
    return found;
  }
}
