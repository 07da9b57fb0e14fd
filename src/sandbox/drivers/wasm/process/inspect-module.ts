const HEADER_BYTES = 8;
const MEMORY_SECTION = 5;
const MEMORY_FLAGS = { shared: 2, is64: 4 } as const;
const PREVIEW_1 = "wasi_snapshot_preview1";

/**
 * Why a module is none that we run, or null: a command of WASI preview 1, with one memory of its own, that asks for
 * nothing else. V8 has validated it before; what its JavaScript interface does not tell is read from the bytes.
 */
export function inspectModule(
  module: WebAssembly.Module,
  bytes: Uint8Array,
  offered: ReadonlySet<string>,
): string | null {
  for (const { module: from, name, kind } of WebAssembly.Module.imports(module)) {
    if (from !== PREVIEW_1 || kind !== "function" || !offered.has(name)) {
      return `it imports ${JSON.stringify(`${from}.${name}`.slice(0, 200))} (${kind}), which is not offered: WASI preview 1 is`;
    }
  }
  const exports = new Map(WebAssembly.Module.exports(module).map(({ name, kind }) => [name, kind]));
  if (exports.get("_start") !== "function") {
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
  for (let at = HEADER_BYTES; at < bytes.length;) {
    const section = bytes[at];
    const size = readNumber(bytes, at + 1);
    if (section === MEMORY_SECTION) {
      const count = readNumber(bytes, size.next);
      const flags = count.value === 0 ? 0 : (bytes[count.next] ?? 0);
      if ((flags & MEMORY_FLAGS.shared) !== 0)
        return "its memory is shared between threads, which are not offered";
      if ((flags & MEMORY_FLAGS.is64) !== 0) return "its memory has 64-bit addresses, which are not offered";
      return count.value;
    }
    at = size.next + size.value;
  }
  return 0;
}

/** LEB128, unsigned, of 32 bits. */
function readNumber(bytes: Uint8Array, from: number): { readonly value: number; readonly next: number } {
  let value = 0;
  let at = from;
  for (let shift = 0; shift < 35; shift += 7) {
    const byte = bytes[at] ?? 0;
    at += 1;
    value += (byte & 0x7f) * 2 ** shift;
    if ((byte & 0x80) === 0) break;
  }
  return { value, next: at };
}
