import type { Manifest } from "../../../domain/package.ts";

/** What is to be compiled. */
export interface WasmSource {
  /** The author's own folder, absolute: compilers may keep caches in it that are tagged as such (`CACHEDIR.TAG`). */
  readonly folder: string;
  /** As it stands in that folder, whatever its environment. */
  readonly manifest: Manifest;
  /** The file to write, absolute; its folder is there. */
  readonly module: string;
}

export interface CompileOptions {
  /** WHISKERS_HOME, for what is kept between builds. */
  readonly home: string;
  /** The user's: a compiler finds its toolchain, its registry and its proxy by it. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
  readonly progress: (what: string) => void;
}

/** Makes WebAssembly of what is written in one language. */
export interface WasmCompiler {
  /** For people: `Rust`. */
  readonly language: string;
  /** Compiling runs code of the folder, which can change files of the user who compiles: no sandbox of ours is around it. */
  readonly runsItsCode: boolean;
  /** Whether the folder's normalizer is written in it. */
  readonly recognises: (folder: string, manifest: Manifest) => Promise<boolean>;
  /**
   * Writes the module, or fails and leaves none.
   * @throws WhiskersError `environment-missing` it needs what is not here, with how to get it; `build-failed`
   */
  readonly compile: (source: WasmSource, options: CompileOptions) => Promise<void>;
}
