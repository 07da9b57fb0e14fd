import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import path from "node:path";

import type { Manifest } from "../../../domain/package.ts";
import { WhiskersError } from "../../../errors.ts";
import { runCompiler } from "./run-compiler.ts";
import type { WasmCompiler } from "./wasm-compiler.ts";

const REPOSITORY = path.resolve(import.meta.dirname, "../../../..");
const SDK = path.join(REPOSITORY, "sdk/python");
const WORLD = "normalizer";

/** Python, in CPython, with what it imports when it is loaded: a component of WASI 0.2. */
export const python: WasmCompiler = {
  language: "Python",
  // In WebAssembly, but componentize-py lets it write to all that Python imports from: the SDK and what is installed.
  runsItsCode: true,
  recognises: (folder, manifest) => Promise.resolve(entrypointOf(folder, manifest) !== null),
  async compile({ folder, manifest, module }, options) {
    const entrypoint = entrypointOf(folder, manifest);
    if (entrypoint === null) throw new Error("no Python");
    if (manifest.guest.kind === "python" && manifest.guest.convention === "openkat") {
      const why = "a normalizer of OpenKAT's own convention imports while it runs, which a component cannot";
      throw new WhiskersError("build-failed", `${manifest.id}: ${why}`);
    }
    await mkdir(options.home, { recursive: true });
    const draft = await mkdtemp(path.join(options.home, ".python-"));
    try {
      const told = `ENTRYPOINT = ${JSON.stringify(entrypoint)}\n`;
      await writeFile(path.join(draft, "whiskers_entrypoint.py"), told);
      const paths = [draft, path.join(SDK, "component"), SDK, folder];
      await runCompiler(
        {
          argv: [
            "componentize-py",
            "--wit-path",
            path.join(REPOSITORY, "protocol/wit"),
            "--world",
            WORLD,
            "componentize",
            ...paths.flatMap((one) => ["--python-path", one]),
            "--output",
            module,
            "whiskers_component",
          ],
          folder,
          // Its own would push Python's out of what is shown.
          env: { RUST_BACKTRACE: "0" },
          install: "It is a package of PyPI: pip install componentize-py",
        },
        options,
      );
    } finally {
      await rm(draft, { recursive: true, force: true });
    }
  },
};

/** What the manifest names, or what lies beside the module that it names: `module:function`. */
function entrypointOf(folder: string, { guest }: Manifest): string | null {
  if (guest.kind === "python") return `${guest.module}:${guest.callable}`;
  if (guest.kind !== "wasm" || guest.plain) return null;
  const name = guest.file.replace(/\.wasm$/u, "");
  return /^\w+$/u.test(name) && existsSync(path.join(folder, `${name}.py`)) ? `${name}:run` : null;
}
