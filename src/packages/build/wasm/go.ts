import { existsSync } from "node:fs";
import path from "node:path";

import { runCompiler } from "./run-compiler.ts";
import type { WasmCompiler } from "./wasm-compiler.ts";

/** Go, for WASI preview 1: from version 1.21 on. */
export const go: WasmCompiler = {
  language: "Go",
  recognises: (folder) => Promise.resolve(existsSync(path.join(folder, "go.mod"))),
  async compile({ folder, module }, options) {
    await runCompiler(
      {
        // Paths of this machine would be in the module, and the digest another one on each.
        argv: ["go", "build", "-trimpath", "-o", module, "."],
        folder,
        env: { GOOS: "wasip1", GOARCH: "wasm" },
        install: "Go from version 1.21 on is needed; Debian 12 has it as golang-1.22 in its backports",
      },
      options,
    );
  },
};
