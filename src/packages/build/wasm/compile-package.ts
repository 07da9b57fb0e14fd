import { mkdir, mkdtemp, readFile, realpath, rename, rm, writeFile } from "node:fs/promises";
import path from "node:path";

import type { Manifest } from "../../../domain/package.ts";
import { codeOf } from "../../../domain/unknown.ts";
import { WhiskersError } from "../../../errors.ts";
import { readManifest } from "../../open-package.ts";
import { COMPILERS } from "./compilers.ts";
import { listSources, type Sources } from "./sources.ts";
import { writeSourcesRecord } from "./sources-record.ts";
import type { CompileOptions, WasmCompiler, WasmSource } from "./wasm-compiler.ts";

/** A folder to build, which is gone, if it was made for that, at the end of its scope. */
export interface CompiledFolder extends AsyncDisposable {
  readonly folder: string;
  /** What was compiled; null: nothing had to be. */
  readonly language: string | null;
}

/**
 * Compiles what has to be before a package is built. A folder whose environment is `wasm` and that has sources gets its
 * module; with `toWasm` any other one becomes a package of WebAssembly, apart from it, and stays as it is.
 * @throws WhiskersError `usage` no way to make WebAssembly of it; as `WasmCompiler.compile`, `readManifest`
 */
export async function compilePackage(
  folder: string,
  toWasm: boolean,
  options: CompileOptions,
): Promise<CompiledFolder> {
  const nothing = notCompiled(folder);
  const real = await realpath(folder).catch(() => null);
  // Whoever opens it says what is wrong with it.
  if (real === null) return nothing;
  const manifest = await readManifest(real, folder);
  if (manifest.guest.kind !== "wasm" && !toWasm) return nothing;
  const compiler = await compilerOf(real, manifest);
  if (manifest.guest.kind === "wasm") {
    if (compiler === null) return nothing;
    await compileInPlace(compiler, real, manifest, manifest.guest.file, options);
    return { ...nothing, language: compiler.language };
  }
  if (compiler === null) {
    const languages = COMPILERS.map(({ language }) => language).join(", ");
    throw new WhiskersError(
      "usage",
      `${folder}: no way to make WebAssembly of it: sources in ${languages} can be compiled`,
    );
  }
  return apart(compiler, real, manifest, options);
}

export function notCompiled(folder: string): CompiledFolder {
  return { folder, language: null, [Symbol.asyncDispose]: () => Promise.resolve() };
}

/** The module says what it was made of, so that it is not made again until that changes. */
export async function compileInPlace(
  compiler: WasmCompiler,
  folder: string,
  manifest: Manifest,
  file: string,
  options: CompileOptions,
): Promise<void> {
  const before = await listSources(folder, file);
  const record = async (draft: string): Promise<void> => {
    await writeSourcesRecord(draft, (await unchanged(before, folder, file)).digest);
  };
  await compile(compiler, { folder, manifest, module: path.join(folder, file) }, options, record);
}

/** With what the compiler wrote; as they were before, if somebody else changed them meanwhile: that was not compiled. */
async function unchanged(before: Sources, folder: string, file: string): Promise<Sources> {
  const after = await listSources(folder, file);
  return after.stamp === before.stamp ? after : before;
}

const MODULE_NAME = "normalize.wasm";

/** A package of its own: the module, and the manifest with another environment. */
async function apart(
  compiler: WasmCompiler,
  folder: string,
  manifest: Manifest,
  options: CompileOptions,
): Promise<CompiledFolder> {
  await mkdir(options.home, { recursive: true });
  const draft = await mkdtemp(path.join(options.home, ".wasm-"));
  const remove = (): Promise<void> => rm(draft, { recursive: true, force: true });
  try {
    await compile(compiler, { folder, manifest, module: path.join(draft, MODULE_NAME) }, options);
    const text = await readFile(path.join(folder, "normalizer.json"), "utf8");
    await writeFile(path.join(draft, "normalizer.json"), asWasm(text, manifest));
  } catch (error) {
    await remove();
    throw error;
  }
  return { folder: draft, language: compiler.language, [Symbol.asyncDispose]: remove };
}

/** What is compiled in needs nothing installed beside it, and follows no convention of its language's. */
function asWasm(text: string, { guest }: Manifest): string {
  const {
    $schema: _,
    dependencies: __,
    convention: ___,
    ...rest
  } = JSON.parse(text) as Record<string, unknown>;
  const isPlain = guest.kind === "command";
  const entrypoint = isPlain ? [MODULE_NAME, ...guest.argv.slice(1)] : MODULE_NAME;
  return `${JSON.stringify({ ...rest, environment: "wasm", entrypoint }, null, 2)}\n`;
}

export async function compilerOf(folder: string, manifest: Manifest): Promise<WasmCompiler | null> {
  for (const compiler of COMPILERS) if (await compiler.recognises(folder, manifest)) return compiler;
  return null;
}

/** In a folder of its own first: what a compiler that failed left behind is not taken for the module. */
async function compile(
  compiler: WasmCompiler,
  source: WasmSource,
  options: CompileOptions,
  finish: (draft: string) => Promise<void> = () => Promise.resolve(),
): Promise<void> {
  options.progress(`compiling ${compiler.language}`);
  const target = path.dirname(source.module);
  await mkdir(target, { recursive: true });
  const draft = await mkdtemp(path.join(target, ".draft-"));
  const module = path.join(draft, path.basename(source.module));
  try {
    await compiler.compile({ ...source, module }, options);
    await finish(module);
    await rename(module, source.module);
  } catch (cause) {
    if (codeOf(cause) !== "ENOENT") throw cause;
    const message = `the compiler for ${compiler.language} wrote no module`;
    throw new WhiskersError("build-failed", message, { cause });
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}
