import { readFileSync } from "node:fs";
import vm from "node:vm";

import type { Interface } from "./component-error.ts";

/** What the transpiler made of a component: makes an instance of it, with what it is given alone. */
export type Glue = (
  coreModule: (name: string) => WebAssembly.Module,
  imports: Readonly<Record<string, Interface>>,
  instantiateCore: (
    module: WebAssembly.Module,
    imports?: Readonly<Record<string, Readonly<Record<string, unknown>>>>,
  ) => WebAssembly.Instance,
) => Readonly<Record<string, unknown>>;

/** The glue's only form: one function, and a list of helpers for tests. */
const FUNCTION = "export function instantiate(";
const HELPERS = /^export const _util = \{\s*\};?\s*$/mu;

/**
 * The glue is JavaScript that follows from what a guest sent. It gets a global object of its own, with what the
 * language has and nothing of Node.js': no `process`, no `require`, no `import()`, no code from texts. A second wall: the
 * first one is that the transpiler writes nothing into it but what it has checked.
 */
export function loadGlue(file: string): Glue {
  const text = readFileSync(file, "utf8").replace(FUNCTION, "function instantiate(").replace(HELPERS, "");
  const context = vm.createContext(vm.constants.DONT_CONTEXTIFY, {
    codeGeneration: { strings: false, wasm: true },
  });
  Object.assign(context, {
    TextDecoder,
    TextEncoder,
    console: { error: ignore, debug: ignore, warn: ignore },
  });
  const script = new vm.Script(`${text}\ninstantiate;`, { filename: "component.js" });
  return script.runInContext(context) as Glue;
}

function ignore(): void {}
