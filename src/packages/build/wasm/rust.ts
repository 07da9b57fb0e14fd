import { existsSync } from "node:fs";
import { copyFile } from "node:fs/promises";
import path from "node:path";

import { WhiskersError } from "../../../errors.ts";
import { runCompiler } from "./run-compiler.ts";
import type { CompileOptions, WasmCompiler } from "./wasm-compiler.ts";

const TARGET = "wasm32-wasip1";
const INSTALL = "Rust and its tools: rustup, or on Debian and Ubuntu apt-get install cargo rustc";

/** Cargo, for WASI preview 1. */
export const rust: WasmCompiler = {
  language: "Rust",
  // Build scripts, and macros.
  runsItsCode: true,
  recognises: (folder) => Promise.resolve(existsSync(path.join(folder, "Cargo.toml"))),
  async compile({ folder, module }, options) {
    await requireTarget(folder, options);
    const printed = await runCompiler(
      {
        argv: ["cargo", "build", "--release", "--target", TARGET, "--message-format=json-render-diagnostics"],
        folder,
        install: INSTALL,
      },
      options,
    );
    await copyFile(chooseProgram(programsOf(printed), path.basename(module)), module);
  },
};

/** Cargo itself says only that `std` is missing. */
async function requireTarget(folder: string, options: CompileOptions): Promise<void> {
  const argv = ["rustc", "--print", "target-libdir", "--target", TARGET] as const;
  const libraries = await runCompiler({ argv: [...argv], folder, install: INSTALL }, options);
  if (existsSync(libraries.trim())) return;
  throw new WhiskersError(
    "environment-missing",
    `Rust cannot compile for ${TARGET} here: rustup target add ${TARGET}`,
  );
}

/** Files of all programs that cargo made, from its messages. */
function programsOf(printed: string): readonly string[] {
  return printed
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line) as { readonly reason: string; readonly executable?: string | null })
    .filter(({ reason }) => reason === "compiler-artifact")
    .map(({ executable }) => executable ?? "")
    .filter((file) => file.endsWith(".wasm"));
}

/** @throws WhiskersError `build-failed` it is not clear which */
function chooseProgram(programs: readonly string[], wanted: string): string {
  const [only] = programs;
  const chosen = programs.length === 1 ? only : programs.find((file) => path.basename(file) === wanted);
  if (chosen !== undefined) return chosen;
  const names = programs.map((file) => path.basename(file)).join(", ") || "none";
  throw new WhiskersError(
    "build-failed",
    `cargo made these programs: ${names}; expected one, or one called ${wanted}, as \`entrypoint\` in normalizer.json says`,
  );
}
