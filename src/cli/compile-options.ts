import { compileStale } from "../packages/build/wasm/compile-stale.ts";
import { WhiskersError } from "../errors.ts";
import { flag } from "./arguments.ts";
import type { Arguments, Context } from "./command.ts";

/** Options of commands that compile a folder before they run it. */
export const COMPILE_OPTIONS = {
  compile: { type: "boolean" },
  "no-compile": { type: "boolean" },
} as const;

export const COMPILE_OPTIONS_HELP = `  --compile            compile also what runs code of the folder as you, outside of any sandbox: build
                       scripts in Rust, what is loaded in Python. Other languages are
                       compiled to WebAssembly where the module is missing, or was made of other
                       sources
  --no-compile         take the module that is there`;

/** `compileStale`, for before a folder is opened; undefined: nothing is to be compiled. @throws WhiskersError `usage` */
export function compileBefore(
  args: Arguments,
  { env, signal, settings }: Context,
  progress: (what: string) => void,
): ((folder: string) => Promise<string | null>) | undefined {
  const mayRunItsCode = flag(args, "compile");
  if (!flag(args, "no-compile"))
    return (folder) => compileStale(folder, { home: settings().home, env, signal, progress, mayRunItsCode });
  if (mayRunItsCode) throw new WhiskersError("usage", "--compile and --no-compile exclude each other");
  return undefined;
}
