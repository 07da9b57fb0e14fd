import { ModuleReader, SECTION } from "./module-reader.ts";
import { isBridge } from "./ruby-bridge.ts";

const MEMORY_FLAGS = { shared: 2, is64: 4 } as const;
const PREVIEW_1 = "wasi_snapshot_preview1";

/** What a reactor that is to be started once, and kept as it is then, exports beside `_initialize`. */
export const SERVE = "whiskers_serve";

/**
 * Why a module is none that we run, or null: a command of WASI preview 1, or a reactor that serves, with one memory of
 * its own, that asks for nothing else. V8 has validated it before; what its JavaScript interface does not tell is read from the bytes.
 * @param isTakenApart the module is what takeApart made of the bytes
 */
export function inspectModule(
  module: WebAssembly.Module,
  isTakenApart: boolean,
  bytes: Uint8Array,
  offered: ReadonlySet<string>,
): string | null {
  const imports = WebAssembly.Module.imports(module);
  // Its memory is the last that it imports then.
  for (const { module: from, name, kind } of isTakenApart ? imports.slice(0, -1) : imports) {
    const isOffered = from === PREVIEW_1 ? offered.has(name) : isBridge(from);
    if (kind !== "function" || !isOffered) {
      return `it imports ${JSON.stringify(`${from}.${name}`.slice(0, 200))} (${kind}), which is not offered: WASI preview 1 is`;
    }
  }
  const exports = new Map(WebAssembly.Module.exports(module).map(({ name, kind }) => [name, kind]));
  const isReactor = exports.get("_initialize") === "function" && exports.get(SERVE) === "function";
  if (exports.get("_start") !== "function" && !isReactor) {
    return `it exports no function _start${exports.has("_start") ? `, but a ${exports.get("_start")}` : ""}: it is no command of WASI preview 1`;
  }
  if (exports.get("memory") !== "memory") return "it exports no memory by the name `memory`";
  const memories = readMemories(bytes);
  if (typeof memories === "string") return memories;
  if (memories === 0) return "it has no memory";
  return memories === 1 ? null : `it has ${memories} memories, and one is offered`;
}

/** How many memories of its own a module has, or why they are none that are offered. */
export function readMemories(bytes: Uint8Array): number | string {
  const reader = new ModuleReader(bytes);
  for (const { id, from } of reader.sections()) {
    if (id !== SECTION.memory) continue;
    const memories = reader.at(from);
    const count = memories.number();
    const flags = count === 0 ? 0 : memories.byte();
    if ((flags & MEMORY_FLAGS.shared) !== 0)
      return "its memory is shared between threads, which are not offered";
    if ((flags & MEMORY_FLAGS.is64) !== 0) return "its memory has 64-bit addresses, which are not offered";
    return count;
  }
  return 0;
}
