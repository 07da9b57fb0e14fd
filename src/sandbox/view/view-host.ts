import type { Package } from "../../domain/package.ts";
import type { Prepared, Sandbox } from "../driver.ts";
import type { GuestCommand } from "../guest-command.ts";
import type { Python } from "../interpreters.ts";
import type { Entry, ViewParts } from "./view.ts";

/** What a driver that shows guests a view lends to those who make one. */
export interface ViewHost {
  /** A folder of the driver's own, for what it keeps from start to start. */
  readonly stateDirectory: string;
  /** Of `makeEtcFolder`. */
  readonly etcFolder: string;
  /** Of `copySdk`. */
  readonly sdkFolder: string;
  /** As `findPython` of interpreters.ts, asked once. */
  findPython(version: string | null, python: string | undefined): Promise<Python>;
  /** What the Python of a root says of itself, by a key, asked once; absent: each package asks again. */
  rememberPython?(key: string, ask: () => Promise<Python>): Promise<Python>;
  /** The whole view of these parts, with every source where the sandbox's user can reach it. */
  makeEntries(parts: ViewParts): Promise<readonly Entry[]>;
  /** False: what is started to compile the code of one package costs more than its starts win by it. */
  readonly compilesPackages?: boolean;
  /** Starts a command in a sandbox with this view and the default limits. @throws WhiskersError `sandbox-failed` */
  launch(entries: readonly Entry[], command: LaunchCommand): Promise<Sandbox>;
}

export interface LaunchCommand extends GuestCommand {
  /** Address space that is set aside and never used: more than the limit of memory where that counts it. */
  readonly reservedBytes?: number;
}

/** What V8 sets aside and never uses counts for RLIMIT_DATA; its heap has a limit of its own. */
export const RESERVED_BY_V8_BYTES = 1024 * 1024 * 1024;

export interface PreparedView extends Prepared {
  readonly pkg: Package;
  /** The view; the sizes in it are not those of a run yet: `withLimits`. */
  readonly entries: readonly Entry[];
  /** As the guest sees it; null: looked up on its PATH. */
  readonly interpreter: string | null;
  /** Where Node.js finds what was compiled ahead, as the guest sees it. */
  readonly compileCacheFolder: string | null;
  /** For PHP to load, where its .ini files are not seen; not given: they are. */
  readonly phpExtensions?: readonly string[];
}
