import { spawn } from "node:child_process";
import path from "node:path";

import { codeOf } from "../../../domain/unknown.ts";
import { WhiskersError } from "../../../errors.ts";
import type { CompileOptions } from "./wasm-compiler.ts";

export interface CompilerCommand {
  readonly argv: readonly [program: string, ...args: string[]];
  readonly folder: string;
  readonly env?: Readonly<Record<string, string>>;
  /** How to get the program, when it is not there. */
  readonly install: string;
}

const SHOWN_CHARS = 4000;
const OUTPUT_MAX_CHARS = 32 * 1024 * 1024;

/**
 * Runs a compiler to its end, as the user who builds and with what that user may: a build trusts its source.
 * Returns what it printed on standard output.
 * @throws WhiskersError `environment-missing`, `build-failed`, `cancelled`
 */
export function runCompiler(
  { argv: [program, ...args], folder, env = {}, install }: CompilerCommand,
  options: CompileOptions,
): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const child = spawn(program, args, {
    cwd: folder,
    env: { ...options.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
    signal: options.signal,
  });
  let output = "";
  let said = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output = (output + text).slice(-OUTPUT_MAX_CHARS);
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    said = (said + text).slice(-SHOWN_CHARS);
  });
  child.once("error", (cause) => {
    if (options.signal.aborted) reject(new WhiskersError("cancelled", "the build was cancelled", { cause }));
    else if (codeOf(cause) === "ENOENT")
      reject(new WhiskersError("environment-missing", `there is no ${program} on the PATH. ${install}`));
    else reject(cause);
  });
  child.once("close", (code) => {
    if (code === 0) resolve(output);
    else
      reject(
        new WhiskersError(
          "build-failed",
          `${path.basename(program)}: ${said.trim() || `status ${String(code)}`}`,
        ),
      );
  });
  return promise;
}
