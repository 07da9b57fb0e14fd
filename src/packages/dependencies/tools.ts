import type { Root } from "../../domain/package.ts";

/** A file or folder outside, and where it is seen inside a sandbox. Absolute. */
export interface Shown {
  readonly source: string;
  readonly target: string;
}

/** One run of pip, npm or composer in a sandbox that has the network. */
export interface ToolRun {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Folder of a root filesystem to run in; null: what this machine has installed. */
  readonly root: string | null;
  readonly readable: readonly Shown[];
  readonly writable: readonly Shown[];
  readonly workingFolder: string;
  readonly timeoutMs: number;
}

/** A program that installs, and all that it needs to be seen. */
export interface Tool {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly readable: readonly Shown[];
  /** Whatever of the machine or root what it installs may depend on, with versions: part of the cache's key. */
  readonly identity: string;
  /** Folder of the root filesystem that it runs in; null: this machine. */
  readonly root: string | null;
}

/** What installing needs of this machine. Whoever puts the stages together makes one. */
export interface Tools {
  /** pip, run by the Python that the package will have. @throws WhiskersError `environment-missing` */
  pip(version: string | null, root: Root | null): Promise<Tool>;
  /** @throws WhiskersError `environment-missing` */
  npm(): Promise<Tool>;
  /** @throws WhiskersError `environment-missing` */
  composer(): Promise<Tool>;
  /** @throws WhiskersError `sandbox-failed`, `runtime-unavailable`, `cancelled` */
  run(
    run: ToolRun,
    signal: AbortSignal,
  ): Promise<{ readonly exitCode: number | null; readonly said: string }>;
}
