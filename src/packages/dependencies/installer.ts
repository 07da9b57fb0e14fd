import type { Requirements } from "../../domain/package.ts";
import type { Wanted } from "./install-dependencies.ts";
import type { Tool, Tools } from "./tools.ts";

/** Paths of one installation, as the tool sees them. */
export interface Installation {
  readonly lockFile: string;
  readonly out: string;
  readonly cache: string;
}

/** The same, from outside, once it is done. */
export interface Result {
  readonly work: string;
  readonly out: string;
  readonly requirements: Requirements;
}

/** How one ecosystem installs. */
export interface Installer {
  tool(wanted: Wanted, tools: Tools): Promise<Tool>;
  /** Files beside the lock file without which it means nothing. */
  readonly beside: readonly string[];
  arguments(installation: Installation): readonly string[];
  env(installation: Installation): Readonly<Record<string, string>>;
  /** Where it leaves what it installed, below the work folder. */
  product(requirements: Requirements): string;
  /**
   * Puts what was installed into `out`, without what differs from one machine to the next. Nothing that it
   * reads is trusted. Returns what a person should know.
   */
  tidy(result: Result): Promise<readonly string[]>;
}
