import { readdirSync, statSync } from "node:fs";
import path from "node:path/posix";

import { messageOf } from "../../domain/unknown.ts";
import { WhiskersError } from "../../errors.ts";
import { makeMountNamespace, runInNamespace } from "./mount-namespace.ts";

/** Folders that a mount may hide in a namespace of our own: empty or of no use for a sandbox. */
const PLACES = ["/media", "/mnt", "/srv"];

/**
 * Shows folders that only root can reach (`/root` is 0700) to the users that sandboxes run as, without
 * changing or copying them: bind mounts in a mount namespace that only sandboxes enter.
 */
export class Stage {
  #namespace: { readonly fd: number; readonly place: string } | null = null;
  readonly #places = new Map<string, string>();
  #turn: Promise<void> = Promise.resolve();

  /** The namespace to enter, or null as long as nothing had to be staged. */
  get fd(): number | null {
    return this.#namespace?.fd ?? null;
  }

  /** Where a sandbox's user finds it. */
  placeOf(source: string): string {
    return this.#places.get(source) ?? source;
  }

  /**
   * Makes `sources` reachable; those that are already cost nothing.
   * @throws WhiskersError `sandbox-failed`
   */
  async add(sources: readonly string[]): Promise<void> {
    if (process.geteuid?.() !== 0) return;
    const missing = sources.filter((source) => !this.#places.has(source) && !isReachableByAll(source));
    if (missing.length === 0) return;
    // One after another: each needs to know what is there.
    const turn = this.#turn.then(() => this.#mount(missing));
    this.#turn = turn.catch(() => {});
    await turn;
  }

  async #mount(sources: readonly string[]): Promise<void> {
    try {
      this.#namespace ??= await openNamespace(sources);
      for (const source of sources) {
        if (this.#places.has(source)) continue;
        const target = path.join(this.#namespace.place, String(this.#places.size));
        const make = statSync(source).isDirectory() ? "mkdir" : "touch";
        await runInNamespace(this.#namespace.fd, `${make} "$2" && mount --bind -- "$1" "$2"`, [
          source,
          target,
        ]);
        this.#places.set(source, target);
      }
    } catch (error) {
      throw new WhiskersError("sandbox-failed", `cannot stage ${sources.join(", ")}: ${messageOf(error)}`, {
        cause: error,
      });
    }
  }
}

/** Whether any user can reach and read it. */
function isReachableByAll(target: string): boolean {
  const { mode } = statSync(target);
  const wanted = statSync(target).isDirectory() ? 0o005 : 0o004;
  if ((mode & wanted) !== wanted) return false;
  for (let at = path.dirname(target); ; at = path.dirname(at)) {
    if ((statSync(at).mode & 0o001) === 0) return false;
    if (at === "/") return true;
  }
}

async function openNamespace(sources: readonly string[]): Promise<{ fd: number; place: string }> {
  const place = findPlace(sources);
  return { fd: await makeMountNamespace(place), place };
}

function findPlace(sources: readonly string[]): string {
  const place = PLACES.find(
    (folder) => isFree(folder) && !sources.some((one) => one.startsWith(`${folder}/`)),
  );
  if (place === undefined) throw new Error(`none of ${PLACES.join(", ")} is free to be hidden by a mount`);
  return place;
}

function isFree(folder: string): boolean {
  try {
    return (statSync(folder).mode & 0o001) !== 0 && readdirSync(folder).length >= 0;
  } catch {
    return false;
  }
}
