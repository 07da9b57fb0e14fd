import { existsSync, readdirSync } from "node:fs";
import path from "node:path";

import type { Manifest } from "../../../domain/package.ts";
import { WhiskersError } from "../../../errors.ts";
import { runCompiler } from "./run-compiler.ts";
import type { WasmCompiler } from "./wasm-compiler.ts";

const ROOT = path.resolve(import.meta.dirname, "../../../..");
/** Run as a program: it is the driver's, which knows WebAssembly. */
const PACK = path.join(ROOT, "src/sandbox/drivers/wasm/pack-ruby.ts");
const SDK = path.join(ROOT, "sdk/ruby/whiskers.rb");
const INTERPRETERS = "node_modules/@ruby";
const INTERPRETER = "dist/ruby+stdlib.wasm";

/** Ruby of its npm package, which is the interpreter itself: started, with the normalizer loaded. */
export const ruby: WasmCompiler = {
  language: "Ruby",
  runsItsCode: false,
  recognises: (folder, manifest) => Promise.resolve(existsSync(path.join(folder, scriptOf(manifest)))),
  async compile({ folder, manifest, module }, options) {
    const argv = [
      process.execPath,
      PACK,
      interpreterFor(folder),
      folder,
      scriptOf(manifest),
      SDK,
      module,
    ] as const;
    await runCompiler({ argv: [...argv], folder, install: "" }, options);
  },
};

/** `normalize.rb` for `normalize.wasm`. */
function scriptOf({ guest }: Manifest): string {
  return guest.kind === "wasm" ? guest.file.replace(/\.wasm$/u, ".rb") : "normalize.rb";
}

/** Its own, or that of Whiskers; the newest. @throws WhiskersError `environment-missing` */
function interpreterFor(packageFolder: string): string {
  for (const place of [packageFolder, ROOT]) {
    // By name, since some package managers put links there.
    const folder = path.join(place, INTERPRETERS);
    const names = existsSync(folder) ? readdirSync(folder).toSorted() : [];
    const found = names
      .map((name) => path.join(folder, name, INTERPRETER))
      .findLast((file) => existsSync(file));
    if (found !== undefined) return found;
  }
  throw new WhiskersError(
    "environment-missing",
    `there is no Ruby for WebAssembly in ${packageFolder}/node_modules: npm install --no-save @ruby/3.4-wasm-wasi (30 MB to fetch, 100 MB on disk)`,
  );
}
