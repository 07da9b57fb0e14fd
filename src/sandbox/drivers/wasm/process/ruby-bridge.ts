/**
 * What the Ruby of ruby.wasm imports beside WASI: a bridge to the JavaScript that it is embedded in. Here there is none.
 * Handles of values are the values.
 */
const HANDLES = "canonical_abi";
const JAVASCRIPT = "rb-js-abi-host";

export function isBridge(importedFrom: string): boolean {
  return importedFrom === HANDLES || importedFrom === JAVASCRIPT;
}

type Calls = Readonly<Record<string, (value: number) => number>>;

/** What a module imports of it; nothing, for most. */
export function bridgeFor(module: WebAssembly.Module): Readonly<Record<string, Calls>> {
  const wanted = WebAssembly.Module.imports(module).filter((one) => isBridge(one.module));
  const calls = (from: string, call: (value: number) => number): Calls =>
    Object.fromEntries(wanted.filter((one) => one.module === from).map(({ name }) => [name, call]));
  return {
    [HANDLES]: calls(HANDLES, (value) => value),
    [JAVASCRIPT]: calls(JAVASCRIPT, () => {
      throw new Error("there is no JavaScript here");
    }),
  };
}
