import { mkdir } from "node:fs/promises";

import type { Package } from "../../../domain/package.ts";
import { WhiskersError } from "../../../errors.ts";
import type { Driver, OpenRequest, Prepared, Probe, Sandbox } from "../../driver.ts";
import { findPython } from "../../interpreters.ts";
import { findPhp } from "../../php.ts";
import { programDigest } from "../../program-digest.ts";
import { NO_PROTECTIONS } from "./no-protections.ts";
import { openProcess } from "./open-process.ts";
import type { InlinePrepared } from "./open-process.ts";
import { openThread } from "./open-thread.ts";

export interface InlineOptions {
  /** A folder of this driver's own; made when missing. Absolute. */
  readonly stateDirectory: string;
  /** Holds `python/`, `typescript/` and `php/`. Absolute. */
  readonly sdkFolder: string;
  /** The Python for packages that want no certain version, instead of the first on the PATH. */
  readonly python?: string | undefined;
  /** Where programs are looked for; the PATH when not given. */
  readonly searchPath?: string | undefined;
}

/**
 * No sandbox at all, for trusted code alone: JavaScript in a thread of this process, all else as
 * plain children with this process's user, files and network.
 */
export function createInlineDriver(options: InlineOptions): Driver {
  return new InlineDriver(options);
}

class InlineDriver implements Driver {
  readonly name = "inline";
  readonly capabilities = {
    isolates: false,
    memoryLimit: false,
    fork: true,
    roots: false,
    guests: ["python", "javascript", "php", "program", "command"],
    lateCode: true,
  } as const;
  readonly #options: InlineOptions;
  #count = 0;

  constructor(options: InlineOptions) {
    this.#options = options;
  }

  probe(): Promise<Probe> {
    return Promise.resolve({
      available: true,
      version: `node ${process.versions.node}`,
      protections: NO_PROTECTIONS,
      advice: ["it isolates nothing: for trusted code only"],
    });
  }

  async prepare(pkg: Package): Promise<InlinePrepared> {
    const { guest } = pkg.manifest;
    const searchPath = this.#searchPath;
    switch (guest.kind) {
      case "python": {
        const python = guest.version === null ? this.#options.python : undefined;
        const found = await findPython(guest.version, { python, searchPath });
        const environment = { name: "python", version: found.version, digest: found.digest };
        return { pkg, environment, interpreter: found.executable };
      }
      case "javascript":
        return {
          pkg,
          environment: { name: "node", version: process.versions.node, digest: null },
          interpreter: null,
        };
      case "php": {
        const { executable, version } = await findPhp(guest.version, searchPath);
        return { pkg, environment: { name: "php", version, digest: null }, interpreter: executable };
      }
      case "program":
      case "command": {
        const digest = await programDigest(guest.argv[0] ?? "", searchPath);
        return { pkg, environment: { name: guest.kind, version: "", digest }, interpreter: null };
      }
      case "wasm":
        throw new WhiskersError("runtime-unavailable", "WebAssembly runs in the runtime `wasm`");
    }
  }

  async open(prepared: Prepared, request: OpenRequest): Promise<Sandbox> {
    const { stateDirectory, sdkFolder } = this.#options;
    this.#count += 1;
    const parts = {
      id: `whiskers-inline-${process.pid}-${this.#count}`,
      sdkFolder,
      stateDirectory,
      searchPath: this.#searchPath,
    };
    if (prepared.pkg.manifest.guest.kind === "javascript") return openThread(prepared, request, parts);
    await mkdir(stateDirectory, { recursive: true });
    return openProcess(prepared as InlinePrepared, request, parts);
  }

  get #searchPath(): string {
    return this.#options.searchPath ?? process.env["PATH"] ?? "";
  }
}
