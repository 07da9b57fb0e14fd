import { realpath } from "node:fs/promises";
import path from "node:path";

import { codeOf } from "../../../domain/unknown.ts";
import { WhiskersError } from "../../../errors.ts";
import { readManifest } from "../../open-package.ts";
import { compileInPlace, compilerOf } from "./compile-package.ts";
import { listSources } from "./sources.ts";
import { readSourcesRecord } from "./sources-record.ts";
import type { CompileOptions } from "./wasm-compiler.ts";

export interface CompileStaleOptions extends CompileOptions {
  /** Code of the folder may run as the user who compiles, outside of any sandbox, if compiling its language does that. */
  readonly mayRunItsCode: boolean;
}

/**
 * Compiles the module of a folder whose environment is `wasm` and that has sources, where it is not there, or was compiled by
 * Whiskers from other sources than there are now. One that does not say from what is left as it is. Returns the module that was
 * compiled; null: none had to be.
 * @throws WhiskersError `usage` it may not run the folder's code; as `compilePackage`
 */
export async function compileStale(folder: string, options: CompileStaleOptions): Promise<string | null> {
  const real = await realpath(folder).catch(() => null);
  // Whoever opens it says what is wrong with it.
  if (real === null) return null;
  const manifest = await readManifest(real, folder);
  const { guest } = manifest;
  if (guest.kind !== "wasm") return null;
  const compiler = await compilerOf(real, manifest);
  if (compiler === null) return null;
  const module = path.join(folder, guest.file);
  const why = await staleness(real, guest.file);
  if (why === null) return null;
  if (compiler.runsItsCode && !options.mayRunItsCode) {
    const what = `compiling ${compiler.language} runs code of this folder as you, outside of any sandbox`;
    throw new WhiskersError("usage", `${module} ${why}, and ${what}: --compile if you trust it`);
  }
  await compileInPlace(compiler, real, manifest, guest.file, options);
  return module;
}

/** Null: it is of the sources that are there, or does not say. */
async function staleness(folder: string, file: string): Promise<string | null> {
  try {
    const record = await readSourcesRecord(path.join(folder, file));
    if (record === null) return null;
    return record === (await listSources(folder, file)).digest
      ? null
      : "is of other sources than there are now";
  } catch (error) {
    if (codeOf(error) === "ENOENT") return "is not there";
    throw error;
  }
}
