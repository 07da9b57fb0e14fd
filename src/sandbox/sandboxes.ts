import { DEFAULT_LIMITS } from "../domain/limits.ts";
import type { Limits } from "../domain/limits.ts";
import type { RunResult } from "../domain/outcome.ts";
import type { Package, StatePolicy } from "../domain/package.ts";
import { messageOf } from "../domain/unknown.ts";
import { WhiskersError } from "../errors.ts";
import { conduct } from "./conduct.ts";
import type { RunRequest } from "./conduct.ts";
import type { Driver, Prepared, Probe } from "./driver.ts";
import { DriverVariants } from "./driver-variants.ts";
import { DEFAULT_POOL_OPTIONS, openPool } from "./pool.ts";
import type { Pool, PoolOptions } from "./pool.ts";
import { Probes } from "./probes.ts";
import type { RecordSink } from "./record-sink.ts";
import { checkState, strongestWarm } from "./state-policy.ts";

export interface SandboxesOptions extends Partial<PoolOptions> {
  /**
   * The runtimes, in the order in which `auto` tries them. Those that do not isolate are used only
   * when they are asked for by name.
   */
  readonly drivers: readonly Driver[];
  /** The runtime `driver:variant`, opened when it is first asked for; null: there is none. */
  readonly openVariant?: (driver: string, variant: string) => Driver | null;
  /** As of `Probes`. */
  readonly probeAgainMs?: number;
}

export interface RunOptions {
  /**
   * `auto` (default): the first that isolates, works here and can start this guest. `own-kernel`: the first of those
   * with a kernel of its own. `strongest`: the same, or else as `auto`. Or a name, `oci` or `oci:runsc`. A package
   * may wish for a stronger one; it never gets a weaker one.
   */
  readonly runtime?: string | undefined;
  /** By id of a normalizer, as `runtime`: instead of it, and whatever the package wishes. */
  readonly runtimes?: Readonly<Record<string, string>> | undefined;
  /** Default `auto`: `strongestWarm`. */
  readonly state?: StatePolicy | "auto" | undefined;
  /** Overrides of the package's wishes, which override DEFAULT_LIMITS. */
  readonly limits?: Partial<Limits> | undefined;
}

/** How a run will be done, once options, package and machine are taken together. */
export interface RunPlan {
  readonly driver: Driver;
  readonly prepared: Prepared;
  readonly limits: Limits;
  readonly state: StatePolicy;
}

/** What of a run's surroundings may show in what it gives. */
export interface RunDescription extends Pick<RunPlan, "limits" | "state"> {
  readonly runtime: string;
  readonly environment: Prepared["environment"];
}

/** The sandbox layer as the rest of Whiskers sees it. */
export interface Sandboxes {
  /**
   * Runs a normalizer once. Records go to `sink`; they count only if the outcome is `succeeded`.
   * Many may run at once.
   * @throws WhiskersError `runtime-unavailable`, `environment-missing`, `state-unsupported`,
   * `input-unreadable`, `sandbox-failed`
   */
  run(
    pkg: Package,
    options: RunOptions,
    request: RunRequest,
    sink: RecordSink,
    signal: AbortSignal,
  ): Promise<RunResult>;
  /** How `run` would do it. @throws as `run` */
  describe(pkg: Package, options: RunOptions): Promise<RunDescription>;
  /** Opens up to `count` sandboxes ahead; returns how many of this kind are idle. @throws as `run` */
  warm(pkg: Package, options: RunOptions, count: number, signal: AbortSignal): Promise<number>;
  /** Every runtime and whether it works here, as it was when it was tried. */
  probe(): Promise<readonly { readonly driver: Driver; readonly probe: Probe }[]>;
  readonly idle: { readonly count: number; readonly memoryBytes: number };
  /** Cancels the runs that are under way, ends every sandbox, waits for both. Idempotent. */
  close(): Promise<void>;
}

export function openSandboxes(options: SandboxesOptions): Sandboxes {
  return new PooledSandboxes(options);
}

class PooledSandboxes implements Sandboxes {
  readonly #drivers: readonly Driver[];
  readonly #variants: DriverVariants;
  readonly #pool: Pool;
  readonly #probes: Probes;
  readonly #prepared = new WeakMap<Package, Map<Driver, Promise<Prepared>>>();
  /** Digests of packages whose guest said that it cannot fork. */
  readonly #cannotFork = new Set<string>();

  constructor({ drivers, openVariant, probeAgainMs, ...pool }: SandboxesOptions) {
    this.#drivers = drivers;
    this.#probes = new Probes(probeAgainMs);
    this.#variants = new DriverVariants(openVariant);
    this.#pool = openPool({ ...DEFAULT_POOL_OPTIONS, ...pool });
  }

  get idle(): Sandboxes["idle"] {
    return this.#pool.idle;
  }

  async run(
    pkg: Package,
    options: RunOptions,
    request: RunRequest,
    sink: RecordSink,
    signal: AbortSignal,
  ): Promise<RunResult> {
    const plan = await this.#plan(pkg, options);
    try {
      return await conduct({ ...request, ...plan, pool: this.#pool }, sink, signal);
    } catch (error) {
      if (!this.#learnsThatItCannotFork(pkg, options, plan, error)) throw error;
    }
    const secondPlan = await this.#plan(pkg, options);
    return conduct({ ...request, ...secondPlan, pool: this.#pool }, sink, signal);
  }

  async describe(pkg: Package, options: RunOptions): Promise<RunDescription> {
    const { driver, prepared, limits, state } = await this.#plan(pkg, options);
    return { runtime: driver.name, environment: prepared.environment, limits, state };
  }

  async warm(pkg: Package, options: RunOptions, count: number, signal: AbortSignal): Promise<number> {
    const plan = await this.#plan(pkg, options);
    return this.#pool.warm({ ...plan, files: [] }, count, signal);
  }

  probe(): ReturnType<Sandboxes["probe"]> {
    return Promise.all(
      this.#drivers.map(async (driver) => ({ driver, probe: await this.#probes.of(driver) })),
    );
  }

  async close(): Promise<void> {
    await this.#pool.close();
    for (const driver of this.#drivers) await driver.close?.();
  }

  async #plan(pkg: Package, options: RunOptions): Promise<RunPlan> {
    const { guest } = pkg.manifest;
    const driver = await this.#chooseFor(pkg, options);
    const guestForks = this.#cannotFork.has(pkg.digest) ? false : null;
    const wanted = options.state ?? "auto";
    const state = wanted === "auto" ? strongestWarm(driver.capabilities, guestForks, guest) : wanted;
    checkState(state, driver, guest);
    const prepared = await this.#prepare(driver, pkg);
    const limits = { ...DEFAULT_LIMITS, ...pkg.manifest.limits, ...definedOnly(options.limits) };
    return { driver, prepared, limits, state };
  }

  /** `auto` cannot know before the first sandbox is open whether a guest forks; a wrong guess is corrected once. */
  #learnsThatItCannotFork(pkg: Package, options: RunOptions, plan: RunPlan, error: unknown): boolean {
    const guessed = (options.state ?? "auto") === "auto" && plan.state === "fork";
    if (!guessed || !(error instanceof WhiskersError) || error.code !== "state-unsupported") return false;
    this.#cannotFork.add(pkg.digest);
    return true;
  }

  /** The operator decides, and a package may only ask for more. */
  async #chooseFor(pkg: Package, { runtime = "auto", runtimes = {} }: RunOptions): Promise<Driver> {
    const { id, runtime: wish } = pkg.manifest;
    if (Object.hasOwn(runtimes, id)) return this.#choose(runtimes[id] ?? "auto", pkg);
    if (wish === null) return this.#choose(runtime, pkg);
    const given = await settled(this.#choose(runtime, pkg));
    if (!("driver" in given) && runtime !== "auto") throw given.error;
    const givenStrength = "driver" in given ? strengthOf(given.driver) : 0;
    const wished = await settled(this.#choose(wish, pkg));
    const wishedStrength = "driver" in wished ? strengthOf(wished.driver) : STRONGEST;
    // Between equals, whoever says nothing but `auto` has no preference.
    if (
      "driver" in given &&
      (wishedStrength < givenStrength || (wishedStrength === givenStrength && runtime !== "auto"))
    )
      return given.driver;
    if ("driver" in wished) return wished.driver;
    if ("driver" in given && givenStrength === STRONGEST) return given.driver;
    throw unfulfilled(pkg, wish, wished.error);
  }

  async #choose(runtime: string, pkg: Package): Promise<Driver> {
    switch (runtime) {
      case "auto":
        return this.#chooseFirst(pkg, () => true, "isolates");
      case "own-kernel":
        return this.#chooseFirst(pkg, hasOwnKernel, "has a kernel of its own");
      case "strongest":
        return this.#chooseFirst(pkg, hasOwnKernel, "has a kernel of its own").catch(() =>
          this.#choose("auto", pkg),
        );
      default:
        return this.#chooseByName(runtime, pkg);
    }
  }

  async #chooseFirst(pkg: Package, suits: (driver: Driver) => boolean, what: string): Promise<Driver> {
    let reasons: string[] = [];
    // What did not work is tried again only where nothing else will do.
    for (const ask of ["of", "ofNow"] as const) {
      reasons = [];
      for (const driver of this.#drivers) {
        if (!driver.capabilities.isolates || cannotRun(driver, pkg) !== null) continue;
        const probe = await this.#probes[ask](driver);
        // A driver may know only by trying what it can do here.
        if (probe.available && suits(driver) && cannotRun(driver, pkg) === null) return driver;
        if (!probe.available) reasons.push(`${driver.name}: ${probe.reason}`);
      }
    }
    const why = reasons.length === 0 ? "none is built in" : reasons.join("; ");
    const on = pkg.root === null ? "" : ` on the root ${pkg.root.name}`;
    const message = `no runtime that ${what} can run a ${pkg.manifest.guest.kind} guest${on} here (${why})`;
    throw new WhiskersError("runtime-unavailable", message);
  }

  async #chooseByName(name: string, pkg: Package): Promise<Driver> {
    const driver = this.#drivers.find((one) => one.name === name) ?? this.#variants.find(name);
    if (driver === undefined) {
      const names = this.#drivers.map((one) => one.name).join(", ");
      throw new WhiskersError(
        "usage",
        `there is no runtime \`${name}\`; there are: auto, strongest, own-kernel, ${names}`,
      );
    }
    const probe = await this.#probes.ofNow(driver);
    if (!probe.available) {
      throw new WhiskersError(
        "runtime-unavailable",
        `the runtime \`${name}\`: ${probe.reason}. ${probe.remedy}`,
      );
    }
    const refusal = cannotRun(driver, pkg);
    if (refusal !== null)
      throw new WhiskersError("runtime-unavailable", `the runtime \`${name}\` ${refusal}`);
    return driver;
  }

  #prepare(driver: Driver, pkg: Package): Promise<Prepared> {
    let byDriver = this.#prepared.get(pkg);
    if (byDriver === undefined) {
      byDriver = new Map();
      this.#prepared.set(pkg, byDriver);
    }
    let prepared = byDriver.get(driver);
    if (prepared === undefined) {
      prepared = driver.prepare(pkg);
      byDriver.set(driver, prepared);
      // A failure is not remembered: what was missing may be there the next time.
      prepared.catch(() => byDriver.delete(driver));
    }
    return prepared;
  }
}

type Choice = { readonly driver: Driver } | { readonly error: unknown };

function settled(choice: Promise<Driver>): Promise<Choice> {
  return choice.then(
    (driver) => ({ driver }),
    (error: unknown) => ({ error }),
  );
}

function hasOwnKernel({ capabilities }: Driver): boolean {
  return capabilities.ownKernel === true;
}

const STRONGEST = 2;

function strengthOf(driver: Driver): number {
  if (!driver.capabilities.isolates) return 0;
  return hasOwnKernel(driver) ? STRONGEST : 1;
}

function unfulfilled({ manifest }: Package, wish: string, cause: unknown): WhiskersError {
  const how = `${manifest.id} wants the runtime \`${wish}\` by its manifest`;
  const remedy = `To run it in another one, say which: WHISKERS_RUNTIMES=${manifest.id}=auto`;
  return new WhiskersError("runtime-unavailable", `${how}: ${messageOf(cause)}. ${remedy}`, { cause });
}

/** Why a driver cannot run a package, whatever the machine; null: it can. */
function cannotRun({ capabilities }: Driver, { manifest, root, loadsLate }: Package): string | null {
  const { kind } = manifest.guest;
  if (loadsLate === true && capabilities.lateCode !== true)
    return "starts no guest before its code is loaded";
  if (!capabilities.guests.includes(kind)) return `cannot run ${kind} guests`;
  if (root !== null && !capabilities.roots) return `cannot run a package on a root such as ${root.name}`;
  if (root === null && capabilities.needsRoot === true)
    return "runs only packages on a root filesystem: name one in `environment`, and `whiskers root make` it";
  return null;
}

function definedOnly(limits: Partial<Limits> | undefined): Partial<Limits> {
  if (limits === undefined) return {};
  return Object.fromEntries(Object.entries(limits).filter(([, value]) => value !== undefined));
}
