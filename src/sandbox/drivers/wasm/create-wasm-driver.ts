import { stat } from "node:fs/promises";
import path from "node:path";

import type { Package } from "../../../domain/package.ts";
import { messageOf } from "../../../domain/unknown.ts";
import { WhiskersError } from "../../../errors.ts";
import type { Capabilities, Driver, OpenRequest, Prepared, Probe, Sandbox } from "../../driver.ts";
import { within } from "../../within.ts";
import { setUp } from "./host.ts";
import type { Host } from "./host.ts";
import { openComponent } from "./open-component.ts";
import type { Component } from "./open-component.ts";
import { InstancesProcess } from "./instances-process.ts";
import { openSandbox } from "./open.ts";
import { selfCheck } from "./self-check.ts";

export interface WasmOptions {
  /** A folder of this driver's own; made when missing. Absolute. */
  readonly stateDirectory: string;
  /** Holds the SDKs. Absolute. */
  readonly sdkFolder: string;
  /** What is put around a package's process: tools of the `subprocess` runtime, the first that works, or nothing. */
  readonly around?: "auto" | "bubblewrap" | "util-linux" | "nothing" | undefined;
  /** Where programs are looked for; the PATH when not given. */
  readonly searchPath?: string | undefined;
}

/**
 * WebAssembly: commands of WASI preview 1, each run an instance of its own, in a process per package which is itself in
 * a sandbox of the `subprocess` runtime: docs/runtimes/wasm.md.
 */
export function createWasmDriver(options: WasmOptions): Driver {
  return new WasmDriver(options);
}

class WasmDriver implements Driver {
  readonly name = "wasm";
  readonly capabilities: Capabilities = {
    isolates: true,
    // V8 keeps it, for each instance.
    memoryLimit: false,
    fork: false,
    roots: false,
    cheapFresh: true,
    guests: ["wasm"],
  };
  readonly #options: WasmOptions;
  readonly #components = new Map<string, Promise<Component | null>>();
  readonly #processes = new Map<string, readonly Promise<InstancesProcess>[]>();
  #found: Promise<Host> | null = null;

  constructor(options: WasmOptions) {
    this.#options = options;
  }

  async probe(): Promise<Probe> {
    try {
      const host = await this.#host();
      await selfCheck(host, this.#options.stateDirectory);
      const { version, protections, advice } = host;
      return { available: true, version, protections, advice };
    } catch (error) {
      return { available: false, reason: messageOf(error), remedy: "See docs/runtimes/wasm.md." };
    }
  }

  async prepare(pkg: Package): Promise<Prepared> {
    const { guest } = pkg.manifest;
    if (guest.kind !== "wasm") throw new WhiskersError("runtime-unavailable", "it runs WebAssembly alone");
    const file = path.join(pkg.folder, guest.file);
    if (
      !(await stat(file).then(
        (found) => found.isFile(),
        () => false,
      ))
    )
      throw new WhiskersError(
        "environment-missing",
        `no module ${guest.file}: looked for it in ${pkg.folder}`,
      );
    const component = await this.#component(pkg, guest.file, await this.#host());
    const wasi = component === null ? "WASI preview 1" : "WASI 0.2";
    return {
      pkg,
      environment: { name: "wasm", version: `${wasi}, V8 ${process.versions.v8}`, digest: null },
    };
  }

  async open(prepared: Prepared, request: OpenRequest): Promise<Sandbox> {
    const host = await this.#host();
    const process = await this.#processFor(prepared, request, host);
    // Its time is not the run's; but a module that takes for ever is its normalizer's fault, so a run waits for it then.
    await within(request.limits.startMs / 2, process.loaded, undefined);
    return openSandbox(prepared, request, host, process);
  }

  async close(): Promise<void> {
    const all = [...this.#processes.values()].flat();
    this.#processes.clear();
    await Promise.allSettled(all.map(async (one) => (await one).close()));
  }

  /** One that has room, or a new one. */
  async #processFor({ pkg }: Prepared, { limits }: OpenRequest, host: Host): Promise<InstancesProcess> {
    const { guest } = pkg.manifest;
    if (guest.kind !== "wasm") throw new WhiskersError("runtime-unavailable", "it runs WebAssembly alone");
    const { memoryBytes, tmpBytes, openFiles, cpus } = limits;
    const key = JSON.stringify([
      pkg.folder,
      guest.file,
      pkg.dependencies?.folder,
      memoryBytes,
      tmpBytes,
      openFiles,
      cpus,
    ]);
    for (;;) {
      for (const one of this.#processes.get(key) ?? []) {
        const process = await one;
        if (process.reserve()) return process;
      }
      const { file } = guest;
      const component = await this.#component(pkg, file, host);
      this.#start(key, (forget) => InstancesProcess.start(host, pkg, { file, component }, limits, forget));
    }
  }

  #start(key: string, start: (forget: () => void) => Promise<InstancesProcess>): void {
    const forget = (): void => {
      const left = this.#processes.get(key)?.filter((one) => one !== started) ?? [];
      if (left.length === 0) this.#processes.delete(key);
      else this.#processes.set(key, left);
    };
    const started = start(forget);
    this.#processes.set(key, [...(this.#processes.get(key) ?? []), started]);
    started.catch(forget);
  }

  /** What was made of a component, once; null: it is none. */
  #component(pkg: Package, file: string, host: Host): Promise<Component | null> {
    const key = path.join(pkg.folder, file);
    const known = this.#components.get(key);
    if (known !== undefined) return known;
    const found = openComponent(host, this.#options.stateDirectory, pkg, file);
    this.#components.set(key, found);
    // What came between may not come again.
    found.catch(() => this.#components.delete(key));
    return found;
  }

  #host(): Promise<Host> {
    if (this.#found === null) {
      this.#found = setUp(this.#options);
      // What is missing may be there the next time.
      this.#found.catch(() => {
        this.#found = null;
      });
    }
    return this.#found;
  }
}
