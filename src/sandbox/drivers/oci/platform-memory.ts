import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { release } from "node:os";
import path from "node:path/posix";

import type { Runtime } from "./runtimes.ts";

/** Which of a runtime's platforms worked the last time, by version of it and of the kernel: that one is tried first. */
export class PlatformMemory {
  readonly #file: string;

  constructor(stateDirectory: string, { program, version }: Runtime) {
    const key = createHash("sha256").update([program, version, release()].join("\0")).digest("hex");
    this.#file = path.join(stateDirectory, `oci/platform-${key.slice(0, 16)}`);
  }

  firstRemembered<T extends { readonly runtime: Runtime }>(variants: readonly T[]): readonly T[] {
    const remembered = this.#read();
    if (remembered === null) return variants;
    const isIt = ({ runtime }: T): boolean => runtime.platform === remembered;
    return [...variants.filter(isIt), ...variants.filter((one) => !isIt(one))];
  }

  remember(platform: string | null): void {
    if (platform !== null && platform !== this.#read()) writeFileSync(this.#file, platform);
  }

  #read(): string | null {
    try {
      return readFileSync(this.#file, "utf8");
    } catch {
      return null;
    }
  }
}
