import { go } from "./go.ts";
import { javascript } from "./javascript.ts";
import { python } from "./python.ts";
import { ruby } from "./ruby.ts";
import { rust } from "./rust.ts";
import type { WasmCompiler } from "./wasm-compiler.ts";

/** One file for each language. The first that recognises a folder compiles it. */
export const COMPILERS: readonly WasmCompiler[] = [rust, go, javascript, python, ruby];
