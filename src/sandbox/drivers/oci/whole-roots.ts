import { statSync } from "node:fs";
import path from "node:path/posix";

import { messageOf } from "../../../domain/unknown.ts";
import { WhiskersError } from "../../../errors.ts";
import { makeFolder } from "../../view/make-folder.ts";
import { makeMountNamespace, runInNamespace } from "../../view/mount-namespace.ts";
import type { Entry } from "../../view/view.ts";

/** What is mounted into a root. */
export type Bind = Entry & { readonly kind: "read-only" };

/** Arguments: where the root is to be, its skeleton, and an option, a source and a target for each mount. */
const PUT_TOGETHER = `set -e
root=$1
mkdir "$root"
mount --bind -o ro,nosuid,nodev -- "$2" "$root"
shift 2
while [ $# -gt 0 ]; do
  mount "$1" -o ro,nosuid,nodev -- "$2" "$root$3"
  shift 3
done`;

/**
 * Roots that are put together once, of a skeleton and what is mounted into it, for runtimes to which each mount of a
 * container costs time at its start. They are in a mount namespace that only runtimes enter.
 */
export class WholeRoots {
  readonly #place: string;
  #namespace: Promise<number> | null = null;
  #fd: number | null = null;
  #count = 0;
  readonly #roots = new Map<string, Promise<string>>();

  /** @param place a folder of its own, of which outside of the namespace nothing is seen but that it is there */
  constructor(place: string) {
    this.#place = place;
  }

  /** The namespace to enter, or null as long as it has no root. */
  get fd(): number | null {
    return this.#fd;
  }

  /**
   * Where such a root is found in the namespace. A source that was replaced by another one is another root.
   * @param mountPoints of this machine: those below a source come with it
   * @throws WhiskersError `sandbox-failed`
   */
  async add(skeleton: string, binds: readonly Bind[], mountPoints: readonly string[]): Promise<string> {
    const mounts = binds.map(({ source, target }) => {
      const { dev, ino } = statSync(source);
      const hasMounts = mountPoints.some((one) => one.startsWith(`${source}/`));
      return { option: hasMounts ? "--rbind" : "--bind", source, target, dev, ino };
    });
    const key = JSON.stringify([skeleton, mounts]);
    const root = this.#roots.get(key) ?? this.#putTogether(skeleton, mounts);
    this.#roots.set(key, root);
    try {
      return await root;
    } catch (error) {
      this.#roots.delete(key);
      throw new WhiskersError("sandbox-failed", `cannot put a root together: ${messageOf(error)}`, {
        cause: error,
      });
    }
  }

  async #putTogether(skeleton: string, mounts: readonly Mount[]): Promise<string> {
    const root = path.join(this.#place, String((this.#count += 1)));
    this.#namespace ??= this.#open();
    const fd = await this.#namespace;
    const args = mounts.flatMap(({ option, source, target }) => [option, source, target]);
    await runInNamespace(fd, PUT_TOGETHER, [root, skeleton, ...args]);
    return root;
  }

  async #open(): Promise<number> {
    try {
      await makeFolder(this.#place);
      this.#fd = await makeMountNamespace(this.#place);
      return this.#fd;
    } catch (error) {
      this.#namespace = null;
      throw error;
    }
  }
}

interface Mount {
  readonly option: string;
  readonly source: string;
  readonly target: string;
}
