import { mayChangeTables } from "./changes-tables.ts";
import { ImageBuilder } from "./memory-image.ts";
import type { MemoryImage } from "./memory-image.ts";
import { ModuleReader, SECTION, writeNumber, writeText } from "./module-reader.ts";

export interface ModuleParts {
  /** The module without its data, its memory imported, its mutable globals and its tables exported besides. */
  readonly code: Uint8Array;
  readonly image: MemoryImage;
  /** What its memory may grow to, in pages of WebAssembly; null: it does not say. */
  readonly maximumPages: number | null;
  /** Names of the exports of mutable globals; null: not all of them can be kept. */
  readonly globals: readonly string[] | null;
  /** Names of the exports of tables. */
  readonly tables: readonly string[];
  /** What tables and element segments hold never changes. */
  readonly tablesAreFixed: boolean;
}

/** Nobody's name begins so; if one does, V8 refuses the module, and it is used whole. */
const PREFIX = "\u0000whiskers:";
/** Where the memory is imported from. */
export const MEMORY_IMPORT = { module: `${PREFIX}memory`, name: "memory" } as const;
const MEMORY_MAX_PAGES = 65_536;
const WASM_PAGE_BYTES = 65_536;
const LEFT_OUT: ReadonlySet<number> = new Set([SECTION.memory, SECTION.dataCount, SECTION.data]);
const IMPORT_OF_MEMORY = 2;
const EXPORT = { table: 1, global: 3 } as const;
const CONSTANT = { i32: 0x41, i64: 0x42, f32: 0x43, f64: 0x44 } as const;
const END = 0x0b;
const PASSIVE = 1;
const NUMBER_TYPES: Readonly<Record<number, number>> = {
  0x7f: CONSTANT.i32,
  0x7e: CONSTANT.i64,
  0x7d: CONSTANT.f32,
  0x7c: CONSTANT.f64,
};

/**
 * Parts code and memory of a module, so that each instance's memory is filled by one copy, and made ahead: Go writes
 * 40,000 pieces of data, each of which V8 looks at, for every instance. Exports are added by which the state of an
 * instance can be kept. Null: it has something by which that would be another module (a start function, data that code copies), or is none;
 * V8 judges both forms.
 */
export function takeApart(bytes: Uint8Array): ModuleParts | null {
  try {
    return parts(bytes);
  } catch (error) {
    // It ends before its parts do, or is written in a way that is not known here.
    if (error instanceof RangeError) return null;
    throw error;
  }
}

function parts(bytes: Uint8Array): ModuleParts | null {
  const reader = new ModuleReader(bytes);
  const sections = [...reader.sections()];
  const has = (id: number): boolean => sections.some((one) => one.id === id);
  if (has(SECTION.start)) return null;
  if (!has(SECTION.memory) || !has(SECTION.import)) return null;
  let memory: MemoryType = { wasmPages: 0, maximumPages: null };
  let memoryType: Uint8Array = new Uint8Array();
  let image: MemoryImage | null = null;
  let globals: readonly string[] | null = [];
  let tables: readonly string[] = [];
  let tablesAreFixed = true;
  const added: number[][] = [];
  for (const { id, from, content } of sections) {
    if (id === SECTION.memory) {
      memory = readMemoryType(reader.at(from));
      // Behind the count, which is 1.
      memoryType = content.subarray(1);
    }
    if (id === SECTION.table) {
      tables = numbered("table", reader.at(from).number());
      added.push(...tables.map((name, index) => exportOf(name, EXPORT.table, index)));
    }
    if (id === SECTION.global) {
      const mutable = mutableGlobals(reader.at(from));
      globals = mutable === null ? null : mutable.map((index) => `${PREFIX}global:${index}`);
      for (const [at, index] of (mutable ?? []).entries())
        added.push(exportOf(globals?.[at] ?? "", EXPORT.global, index));
    }
    // Without tables, too: element segments can hold arrays that code changes, or be dropped.
    if (id === SECTION.code) tablesAreFixed = !mayChangeTables(content);
    if (id === SECTION.data) {
      image = readData(reader.at(from), memory.wasmPages);
      if (image === null) return null;
    }
  }
  image ??= new ImageBuilder().finish(memory.wasmPages);
  const code = reader.rewritten(sections, (section) => {
    // Code that copies data needs to know how much there is: V8 refuses it then, and it is used whole.
    if (LEFT_OUT.has(section.id)) return null;
    if (section.id === SECTION.import) {
      const { module, name } = MEMORY_IMPORT;
      return reader.withMore(section, [
        [...writeText(module), ...writeText(name), IMPORT_OF_MEMORY, ...memoryType],
      ]);
    }
    return section.id === SECTION.export ? reader.withMore(section, added) : section.content;
  });
  return { code, image, globals, tables, tablesAreFixed, maximumPages: memory.maximumPages };
}

function numbered(what: string, count: number): readonly string[] {
  if (count > 100) throw new RangeError("more than are offered");
  return Array.from({ length: count }, (_, index) => `${PREFIX}${what}:${index}`);
}

function exportOf(name: string, kind: number, index: number): number[] {
  return [...writeText(name), kind, ...writeNumber(index)];
}

interface MemoryType {
  readonly wasmPages: number;
  readonly maximumPages: number | null;
}

/** @throws RangeError it is none that is offered */
function readMemoryType(reader: ModuleReader): MemoryType {
  const [count, flags] = [reader.number(), reader.byte()];
  const wasmPages = reader.number();
  if (count !== 1 || flags > 1 || wasmPages > MEMORY_MAX_PAGES) throw new RangeError("it is not offered");
  return { wasmPages, maximumPages: flags === 1 ? reader.number() : null };
}

/** Indexes; null: one of them holds what is no number. There are no imported ones. */
function mutableGlobals(reader: ModuleReader): readonly number[] | null {
  const mutable: number[] = [];
  const count = reader.number();
  for (let index = 0; index < count; index += 1) {
    const type = reader.byte();
    const isMutable = reader.byte() === 1;
    const constant = NUMBER_TYPES[type];
    if (constant === undefined || reader.byte() !== constant) return null;
    if (constant === CONSTANT.f32) reader.skip(4);
    else if (constant === CONSTANT.f64) reader.skip(8);
    else reader.skipNumber();
    if (reader.byte() !== END) return null;
    if (isMutable) mutable.push(index);
  }
  return mutable;
}

/** Null: it is not all plain data at known places. */
function readData(reader: ModuleReader, wasmPages: number): MemoryImage | null {
  const builder = new ImageBuilder();
  const count = reader.number();
  for (let index = 0; index < count; index += 1) {
    const kind = reader.number();
    if (kind === PASSIVE) {
      // For code that copies data, if there is any.
      reader.skip(reader.number());
      continue;
    }
    if (kind !== 0 || reader.byte() !== CONSTANT.i32) return null;
    const at = reader.signedNumber() >>> 0;
    if (reader.byte() !== END) return null;
    const bytes = reader.bytes(reader.number());
    if (at + bytes.length > wasmPages * WASM_PAGE_BYTES || !builder.write(at, bytes)) return null;
  }
  return builder.finish(wasmPages);
}
