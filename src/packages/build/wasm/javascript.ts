import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";

import type { Manifest } from "../../../domain/package.ts";
import { WhiskersError } from "../../../errors.ts";
import type { CompileJavaScript } from "./javascript/compile.ts";
import { runCompiler } from "./run-compiler.ts";
import type { WasmCompiler } from "./wasm-compiler.ts";

const REPOSITORY = path.resolve(import.meta.dirname, "../../../..");
/** Optional dependencies, since they are large. */
const TOOLS = ["esbuild", "componentize-qjs", "promise-polyfill", "buffer", "core-js-pure", "@exodus/bytes"];
const ENDINGS = ["ts", "mts", "js", "mjs"];

/** JavaScript and TypeScript, in QuickJS, with what they import: a component of WASI 0.2. */
export const javascript: WasmCompiler = {
  language: "JavaScript",
  runsItsCode: false,
  recognises: (folder, manifest) => Promise.resolve(entryOf(folder, manifest) !== null),
  async compile({ folder, manifest, module }, options) {
    const entry = entryOf(folder, manifest);
    if (entry === null) throw new Error("no JavaScript");
    requireTools();
    const compile: CompileJavaScript = {
      ...entry,
      folder,
      module,
      sdkFolder: path.join(REPOSITORY, "sdk/typescript"),
      protocolFolder: path.join(REPOSITORY, "protocol"),
    };
    await runCompiler(
      {
        argv: [
          process.execPath,
          "--no-warnings",
          path.join(import.meta.dirname, "javascript/compile.ts"),
          JSON.stringify(compile),
        ],
        folder,
        install: "",
      },
      options,
    );
  },
};

/** What the manifest names, or what lies beside the module that it names. */
function entryOf(
  folder: string,
  { guest }: Manifest,
): { readonly file: string; readonly export: string } | null {
  if (guest.kind === "javascript") return { file: guest.file, export: guest.export };
  if (guest.kind !== "wasm" || guest.plain) return null;
  const files = ENDINGS.map((ending) => guest.file.replace(/\.wasm$/u, `.${ending}`));
  const file = files.find((name) => existsSync(path.join(folder, name)));
  return file === undefined ? null : { file, export: "run" };
}

function requireTools(): void {
  const { resolve } = createRequire(import.meta.url);
  const missing = TOOLS.filter((name) => {
    try {
      return resolve(name) === "";
    } catch {
      return !existsSync(path.join(REPOSITORY, "node_modules", name));
    }
  });
  if (missing.length === 0) return;
  throw new WhiskersError(
    "environment-missing",
    `what makes components of JavaScript is not installed with Whiskers: npm install ${missing.join(" ")}`,
  );
}
