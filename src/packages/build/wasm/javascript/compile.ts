/**
 * The process that makes a component of a normalizer in JavaScript or TypeScript: esbuild makes one module of it and of
 * what it imports, which QuickJS loads; the component is QuickJS with its memory as it is then.
 * Arguments: JSON `CompileJavaScript`.
 */
import { realpathSync } from "node:fs";
import { copyFile, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";

import { componentize } from "componentize-qjs";
import { build } from "esbuild";
import type { Plugin } from "esbuild";

export interface CompileJavaScript {
  /** The package's folder. Absolute, as all of them. */
  readonly folder: string;
  readonly file: string;
  readonly export: string;
  /** The SDK's own folder for TypeScript. */
  readonly sdkFolder: string;
  readonly protocolFolder: string;
  readonly module: string;
}

/** Globals that are no part of the language, each from the file of the SDK that has it: only those that are used. */
const GLOBALS = ["buffer", "console", "crypto", "encoding", "url"];
/** What the component imports. */
const HOST_MODULES = ["whiskers:*", "wasi:*"];

async function main(options: CompileJavaScript): Promise<void> {
  const source = await bundle(options);
  const draft = await mkdtemp(path.join(tmpdir(), "whiskers-component-"));
  try {
    const witPath = await layOutWit(draft, options.protocolFolder);
    const { component } = await componentize({ witPath, jsSource: source, world: "javascript", sync: true });
    await writeFile(options.module, component);
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

async function bundle(options: CompileJavaScript): Promise<string> {
  const own = (name: string): string => path.join(options.sdkFolder, "component", `${name}.ts`);
  const { outputFiles } = await build({
    stdin: { contents: entry(options, own), resolveDir: options.folder, sourcefile: "component.js" },
    bundle: true,
    write: false,
    format: "esm",
    platform: "neutral",
    mainFields: ["module", "main"],
    target: "es2023",
    // QuickJS' own promises are settled too late: sdk/typescript/component/promise.ts.
    supported: { "async-await": false, "async-generator": false, "for-await": false },
    define: { "import.meta.dirname": '"/whiskers"' },
    inject: GLOBALS.map(own),
    external: HOST_MODULES,
    plugins: [resolving(options, own)],
    nodePaths: [nodeModulesOf(own("buffer"))],
    legalComments: "none",
    logLevel: "error",
    absWorkingDir: options.folder,
  });
  return outputFiles[0]?.text ?? "";
}

/** In this order: promises before whatever makes one. */
function entry({ folder, file, export: name }: CompileJavaScript, own: (name: string) => string): string {
  const from = (target: string): string => JSON.stringify(target);
  return `
    import { settle } from ${from(own("promise"))};
    import ${from(own("random"))};
    import output from "whiskers:normalizer/output@1.0.0";
    import { runComponent } from ${from(own("run-component"))};
    import * as loaded from ${from(path.join(folder, file))};
    const normalizer = loaded[${from(name)}];
    if (typeof normalizer !== "function") throw new Error(${from(`${file} exports no function ${name}`)});
    export function run(meta, raws) { runComponent(normalizer, { output, settle }, meta, raws); }
  `;
}

function resolving({ folder, sdkFolder }: CompileJavaScript, own: (name: string) => string): Plugin {
  const readable = [folder, sdkFolder, nodeModulesOf(own("buffer"))].map((one) => `${realpathSync(one)}/`);
  return {
    name: "whiskers",
    setup(plugin) {
      plugin.onResolve({ filter: /^whiskers$/ }, () => ({
        path: path.join(sdkFolder, "index.ts"),
        sideEffects: false,
      }));
      plugin.onResolve({ filter: /^node:buffer$/ }, () => ({ path: own("buffer"), sideEffects: false }));
      plugin.onResolve({ filter: /^node:/ }, ({ path: name }) => ({
        errors: [{ text: `${name}: of Node.js' own modules there is only node:buffer in WebAssembly` }],
      }));
      // A run compiles without asking, and sees what is compiled in: no other files of this machine. Links are followed by now.
      plugin.onLoad({ filter: /^/, namespace: "file" }, ({ path: file }) =>
        readable.some((one) => file.startsWith(one))
          ? undefined
          : { errors: [{ text: `${file}: outside of the package's folder` }] },
      );
    },
  };
}

/** Ours, for what the SDK's files import. */
function nodeModulesOf(file: string): string {
  return path.resolve(path.dirname(file), "../../../node_modules");
}

/** As the component model's tools want it: a world, and its packages in folders of their own beside it. */
async function layOutWit(draft: string, protocolFolder: string): Promise<string> {
  const places = [
    [path.join(import.meta.dirname, "world.wit"), "world.wit"],
    [path.join(import.meta.dirname, "random.wit"), "deps/random/random.wit"],
    [path.join(protocolFolder, "wit/normalizer.wit"), "deps/normalizer/normalizer.wit"],
  ] as const;
  for (const [source, target] of places) {
    await mkdir(path.dirname(path.join(draft, target)), { recursive: true });
    await copyFile(source, path.join(draft, target));
  }
  return draft;
}

const [options = "{}"] = process.argv.slice(2);
try {
  await main(JSON.parse(options) as CompileJavaScript);
} catch (error) {
  // esbuild has shown what is wrong.
  if (!(error instanceof Error && "errors" in error)) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  }
  process.exitCode = 1;
}
