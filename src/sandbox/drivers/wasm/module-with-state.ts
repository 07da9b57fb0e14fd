import type { MemoryImage } from "./process/memory-image.ts";
import { ModuleReader, SECTION, writeNumber, writeSignedNumber, writeText } from "./process/module-reader.ts";

const PAGE_BYTES = 4096;
const CODE = { i32: 0x41, call: 0x10, drop: 0x1a, end: 0x0b, i64: 0x42, f32: 0x43, f64: 0x44 } as const;

/** What an instance had become, and how it goes on. */
export interface State {
  readonly image: MemoryImage;
  /** Values of the mutable ones. */
  readonly globals: readonly (number | bigint)[];
  /** The exported function that is called with a text, and that text's place in memory. */
  readonly evaluate: string;
  readonly code: readonly [at: number, length: number];
  /** How many functions the module imports. */
  readonly imported: number;
}

/** The module that begins where an instance of this one stands: a command whose `_start` makes one call. */
export function moduleWithState(bytes: Uint8Array, state: State): Uint8Array {
  const { image, globals, imported } = state;
  const reader = new ModuleReader(bytes);
  const sections = [...reader.sections()].filter(
    ({ id }) => id !== SECTION.custom && id !== SECTION.dataCount,
  );
  const of = (id: number): ModuleReader => reader.at(sections.find((one) => one.id === id)?.from ?? 0);
  const [types, functions] = [of(SECTION.type).number(), of(SECTION.function).number()];
  const evaluate = exportedFunction(of(SECTION.export), state.evaluate);
  const [at, length] = state.code.map((value) => [CODE.i32, ...writeSignedNumber(BigInt(value))]);
  const body = [0, at ?? [], length ?? [], CODE.call, writeNumber(evaluate), CODE.drop, CODE.end].flat();
  const content = (section: (typeof sections)[number]): Uint8Array => {
    switch (section.id) {
      case SECTION.type:
        return reader.withMore(section, [[0x60, 0, 0]]);
      case SECTION.function:
        return reader.withMore(section, [[...writeNumber(types)]]);
      case SECTION.code:
        return reader.withMore(section, [[...writeNumber(body.length), ...body]]);
      case SECTION.memory:
        return memoryOf(reader.at(section.from), image);
      case SECTION.global:
        return globalsOf(reader.at(section.from), globals);
      case SECTION.export:
        return Uint8Array.from(
          [2, writeText("memory"), 2, 0, writeText("_start"), 0, writeNumber(imported + functions)].flat(),
        );
      case SECTION.data:
        return dataOf(image);
      default:
        return section.content;
    }
  };
  return reader.rewritten(sections, content);
}

function exportedFunction(reader: ModuleReader, wanted: string): number {
  for (let left = reader.number(); left > 0; left -= 1) {
    const name = new TextDecoder().decode(reader.bytes(reader.number()));
    const kind = reader.byte();
    const index = reader.number();
    if (name === wanted && kind === 0) return index;
  }
  throw new Error(`it exports no function ${wanted}`);
}

function memoryOf(reader: ModuleReader, { wasmPages }: MemoryImage): Uint8Array {
  reader.skip(1);
  const flags = reader.byte();
  reader.number();
  return Uint8Array.from([
    1,
    flags,
    ...writeNumber(wasmPages),
    ...(flags === 1 ? writeNumber(reader.number()) : []),
  ]);
}

/** The same globals; the mutable ones begin with these values. What takeApart read is known to be numbers alone. */
function globalsOf(reader: ModuleReader, values: readonly (number | bigint)[]): Uint8Array {
  const count = reader.number();
  const written: number[] = [...writeNumber(count)];
  let next = 0;
  for (let index = 0; index < count; index += 1) {
    const [type, mutable, constant] = [reader.byte(), reader.byte(), reader.byte()];
    const from = reader.position;
    if (constant === CODE.f32) reader.skip(4);
    else if (constant === CODE.f64) reader.skip(8);
    else reader.skipNumber();
    const before = reader.at(from).bytes(reader.position - from);
    reader.skip(1);
    const isInteger = constant === CODE.i32 || constant === CODE.i64;
    if (mutable === 1 && !isInteger) throw new Error("a mutable global that is no integer");
    const value = mutable === 1 ? writeSignedNumber(BigInt(values[next] ?? 0)) : before;
    next += mutable;
    written.push(type, mutable, constant, ...value, CODE.end);
  }
  return Uint8Array.from(written);
}

function dataOf({ bytes, runs }: MemoryImage): Uint8Array {
  const parts: Uint8Array[] = [Uint8Array.from(writeNumber(runs.length / 2))];
  let done = 0;
  for (let index = 0; index < runs.length; index += 2) {
    const [first = 0, count = 0] = [runs[index], runs[index + 1]];
    const at = writeSignedNumber(BigInt(first * PAGE_BYTES));
    parts.push(Uint8Array.from([0, CODE.i32, ...at, CODE.end, ...writeNumber(count * PAGE_BYTES)]));
    parts.push(new Uint8Array(bytes, done, count * PAGE_BYTES));
    done += count * PAGE_BYTES;
  }
  return Buffer.concat(parts);
}
