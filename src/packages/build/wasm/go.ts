import { existsSync } from "node:fs";
import { mkdtemp, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";

import { runCompiler } from "./run-compiler.ts";
import type { CompileOptions, WasmCompiler } from "./wasm-compiler.ts";

const INSTALL = "Go from version 1.21 on is needed; Debian 12 has it as golang-1.22 in its backports";
/** It can export functions: https://go.dev/doc/go1.24#wasm */
const EXPORTS_SINCE = 24;
/** Go starts before it is called, once for all instances; what `main` does, each does. */
const SERVE = `package main

//go:wasmexport whiskers_serve
func whiskersServeForWasm() { main() }
`;

/** Go, for WASI preview 1: a reactor where it can make one, whose start is not paid for in every run. */
export const go: WasmCompiler = {
  language: "Go",
  runsItsCode: false,
  recognises: (folder) => Promise.resolve(existsSync(path.join(folder, "go.mod"))),
  async compile({ folder, module }, options) {
    const minor = await goMinor(folder, options);
    const draft = await realpath(await mkdtemp(path.join(tmpdir(), "whiskers-go-")));
    try {
      const asReactor = minor >= EXPORTS_SINCE ? await reactorFlags(folder, draft) : [];
      await runCompiler(
        {
          // Paths of this machine would be in the module, and the digest another one on each. Nor is Git asked for the
          // commit: a folder's own settings for Git name programs that Git runs.
          argv: ["go", "build", "-trimpath", ...asReactor, "-o", module, "-buildvcs=false", "."],
          folder,
          env: { GOOS: "wasip1", GOARCH: "wasm" },
          install: INSTALL,
        },
        options,
      );
    } finally {
      await rm(draft, { recursive: true, force: true });
    }
  },
};

/** 26 of `go1.26.1`; 0: it says something else. */
async function goMinor(folder: string, options: CompileOptions): Promise<number> {
  const said = await runCompiler({ argv: ["go", "env", "GOVERSION"], folder, install: INSTALL }, options);
  return Number(/^go1\.(?<minor>\d+)/u.exec(said)?.groups?.["minor"] ?? 0);
}

/** The author's folder stays as it is: one file more is seen by the compiler alone. */
async function reactorFlags(folder: string, draft: string): Promise<readonly string[]> {
  const [file, overlay] = [path.join(draft, "serve.go"), path.join(draft, "overlay.json")];
  await writeFile(file, SERVE);
  const seenAs = path.join(folder, "whiskers_serve_wasip1.go");
  await writeFile(overlay, JSON.stringify({ Replace: { [seenAs]: file } }));
  return ["-buildmode=c-shared", "-tags", "whiskers_reactor", "-overlay", overlay];
}
