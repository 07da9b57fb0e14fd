import type { ParseArgsOptionsConfig } from "node:util";

import type { Environment, Settings } from "../config/settings.ts";
import type { Terminal } from "./terminal/terminal.ts";

/** One command: `src/cli/<name>.ts` exports it as `command`; a row in commands.ts makes it known. */
export interface Command {
  /** What `whiskers help <name>` prints, whole: usage line first, what it does, options, examples. */
  readonly help: string;
  /** As `parseArgs` of node:util wants them. `help` is there for every command. */
  readonly options: ParseArgsOptionsConfig;
  /** Fewest and most positional arguments. */
  readonly positionals: readonly [least: number, most: number];
  /**
   * A signal is how it is told to end, not what cut it short: what it returns or throws after one decides the exit
   * code, and only where it returns something else than 0 that of the signal does.
   */
  readonly endsBySignal?: true;
  /**
   * Does it. Prints through the context; returns the exit code.
   * @throws WhiskersError shown by main, with the exit code of its row
   */
  readonly run: (args: Arguments, context: Context) => Promise<number>;
}

export interface Arguments {
  readonly positionals: readonly string[];
  readonly values: Readonly<Record<string, Value | undefined>>;
}

type Value = string | boolean | readonly (string | boolean)[];

/** What a command is given of the world. */
export interface Context {
  readonly env: Environment;
  /** Read on first use. @throws WhiskersError `config-invalid` */
  readonly settings: () => Settings;
  /** Aborts on SIGINT, SIGTERM, SIGHUP and when nobody reads the output any more. */
  readonly signal: AbortSignal;
  /** Standard output: results. Resolves when the text may be forgotten. */
  readonly out: (text: string) => Promise<void>;
  /** Standard error: progress and complaints. */
  readonly err: (text: string) => void;
  readonly outTerminal: Terminal;
  readonly errTerminal: Terminal;
}
