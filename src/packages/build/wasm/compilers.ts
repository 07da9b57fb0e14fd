import { go } from "./go.ts";
import { rust } from "./rust.ts";
import type { WasmCompiler } from "./wasm-compiler.ts";

/** One file for each language. The first that recognises a folder compiles it. */
export const COMPILERS: readonly WasmCompiler[] = [rust, go];
