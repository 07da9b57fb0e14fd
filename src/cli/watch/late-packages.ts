import { chmod, cp, mkdir, mkdtemp, rm } from "node:fs/promises";
import path from "node:path";

import type { Package } from "../../domain/package.ts";
import type { RunOptions, Sandboxes } from "../../sandbox/sandboxes.ts";

/** Kinds of guests that can get ready without the code of the normalizer. */
const CAN_LOAD_LATE: readonly string[] = ["python", "javascript"];

interface Next {
  /** What a package has to have in common with the one that it is opened for. */
  readonly likeness: string;
  /** Its folder is empty, and a sandbox waits for what comes there. Null: it could not be opened. */
  readonly opened: Promise<Package | null>;
}

/**
 * Sandboxes that wait for code that is not written yet: opening one takes longer than running most normalizers. Each
 * shows its guest a folder that is empty until the code is there.
 */
export class LatePackages implements AsyncDisposable {
  readonly #folder: string;
  readonly #sandboxes: Sandboxes;
  readonly #options: RunOptions;
  readonly #signal: AbortSignal;
  #next: Next | null = null;
  #last: Package | null = null;

  private constructor(folder: string, sandboxes: Sandboxes, options: RunOptions, signal: AbortSignal) {
    this.#folder = folder;
    this.#sandboxes = sandboxes;
    this.#options = options;
    this.#signal = signal;
  }

  /** @param home a folder for what sandboxes are shown lies in it until it is disposed of */
  static async open(
    home: string,
    sandboxes: Sandboxes,
    options: RunOptions,
    signal: AbortSignal,
  ): Promise<LatePackages> {
    await mkdir(home, { recursive: true });
    const folder = await mkdtemp(path.join(home, "watch-"));
    await chmod(folder, 0o755);
    return new LatePackages(folder, sandboxes, options, signal);
  }

  /** The package as it is to be run: its code is where a sandbox waits for it, or else it is just itself. */
  async take(pkg: Package): Promise<Package> {
    const last = this.#last;
    if (last !== null && last.digest === pkg.digest && likenessOf(last) === likenessOf(pkg)) return last;
    const next = this.#next?.likeness === likenessOf(pkg) ? await this.#next.opened : null;
    if (next === null) return pkg;
    this.#next = null;
    await cp(pkg.folder, next.folder, { recursive: true, verbatimSymlinks: true });
    if (last !== null) await rm(last.folder, { recursive: true, force: true });
    this.#last = { ...pkg, folder: next.folder, loadsLate: true };
    return this.#last;
  }

  /** Opens a sandbox for the code that comes after this package's, unless one waits. */
  async openNext(pkg: Package): Promise<void> {
    if (!CAN_LOAD_LATE.includes(pkg.manifest.guest.kind)) return;
    if (this.#next?.likeness === likenessOf(pkg)) return;
    this.#next = { likeness: likenessOf(pkg), opened: this.#open(pkg) };
    await this.#next.opened;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#next?.opened;
    await rm(this.#folder, { recursive: true, force: true });
  }

  async #open(pkg: Package): Promise<Package | null> {
    try {
      const folder = await mkdtemp(path.join(this.#folder, "package-"));
      await chmod(folder, 0o755);
      const late: Package = { ...pkg, folder, loadsLate: true };
      return (await this.#sandboxes.warm(late, this.#options, 1, this.#signal)) > 0 ? late : null;
    } catch {
      // A runtime may not be able to; what is wrong beyond that is said by the run.
      return null;
    }
  }
}

function likenessOf({ manifest, root, dependencies }: Package): string {
  return JSON.stringify([
    manifest.guest,
    manifest.limits,
    root?.digest ?? null,
    dependencies?.digest ?? null,
  ]);
}
