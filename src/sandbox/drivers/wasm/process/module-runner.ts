import { SERVE } from "./inspect-module.ts";
import { Memories } from "./memories.ts";
import { takeImage } from "./memory-image.ts";
import type { MemoryImage } from "./memory-image.ts";
import { Ring } from "./ring.ts";
import { bridgeFor } from "./ruby-bridge.ts";
import { MEMORY_IMPORT } from "./take-apart.ts";
import type { ModuleParts } from "./take-apart.ts";
import { createWasi } from "./wasi/create-wasi.ts";
import type { WasiOptions } from "./wasi/create-wasi.ts";

/** A module as threads are given it. */
export interface ModuleCode {
  readonly kind: "module";
  readonly module: WebAssembly.Module;
  /** Of a module that was taken apart; null: it is whole. */
  readonly parts: Omit<ModuleParts, "code"> | null;
  /** It is a reactor, which is started once and kept as it is then. */
  readonly isReactor: boolean;
}

/** A reactor's state once it had started, before it read anything. */
export interface Snapshot {
  readonly image: MemoryImage;
  readonly globals: readonly (number | bigint)[];
}

/** Instances of one module, one after another, each with state of its own. */
export class ModuleRunner {
  readonly #code: ModuleCode;
  readonly #memories: Memories;
  readonly #bridge: ReturnType<typeof bridgeFor>;
  #last: { readonly memory: WebAssembly.Memory; readonly image: MemoryImage } | null = null;

  constructor(code: ModuleCode) {
    this.#code = code;
    this.#bridge = bridgeFor(code.module);
    this.#memories = new Memories(code.parts?.maximumPages ?? null);
  }

  get isReactor(): boolean {
    return this.#code.isReactor;
  }

  /** Runs an instance to its end. Returns its exit status. @throws GuestExit, and whatever a trap is */
  run(
    options: WasiOptions,
    snapshot: Snapshot | null,
    onMemory: (memory: WebAssembly.Memory) => void,
  ): number {
    const { exports, memory } = this.#instantiate(createWasi(options), snapshot?.image);
    onMemory(memory);
    if (!this.#code.isReactor) {
      call(exports, "_start");
      return 0;
    }
    if (snapshot === null) call(exports, "_initialize");
    else {
      for (const [index, global] of this.#globals(exports).entries())
        global.value = snapshot.globals[index] ?? 0;
    }
    call(exports, SERVE);
    return 0;
  }

  /** Makes the memory of the next instance. Returns how much of the last one is garbage. */
  prepareNext(): number {
    const last = this.#last;
    this.#last = null;
    if (last === null) return 0;
    const { byteLength } = last.memory.buffer;
    return this.#memories.giveBack(last.memory, last.image) ? 0 : byteLength;
  }

  /**
   * Starts a reactor in an instance of its own, that sees no input, and keeps its state. Null: it cannot be kept, because
   * it is not all in memory and numbers, or because the start did something that others would have to see, too.
   */
  takeSnapshot(options: WasiOptions): Snapshot | null {
    const { parts, isReactor } = this.#code;
    if (!isReactor || parts === null || parts.globals === null) return null;
    let hasSpoken = false;
    const listen = (): Ring => {
      const ring: Ring = new Ring(Ring.of(SAID_BYTES).shared, () => {
        hasSpoken = true;
        ring.reset();
      });
      return ring;
    };
    const input = Ring.of(0);
    input.end();
    // What belongs to one run, no other may see.
    const wasi = createWasi({ ...options, files: [], input, output: listen(), errors: listen() });
    try {
      const { exports, memory } = this.#instantiate(wasi);
      const tables = tablesOf(parts.tables, exports);
      call(exports, "_initialize");
      if (hasSpoken || !wasi.isAsAtStart() || tablesOf(parts.tables, exports) !== tables) return null;
      const image = takeImage(memory);
      return image && { image, globals: this.#globals(exports).map(({ value }) => value) };
    } catch {
      // Whatever it is, an instance of a run says it.
      return null;
    }
  }

  #instantiate(
    wasi: ReturnType<typeof createWasi>,
    image = this.#code.parts?.image,
  ): { readonly exports: Exports; readonly memory: WebAssembly.Memory } {
    const { module } = this.#code;
    const imports = { wasi_snapshot_preview1: wasi.imports, ...this.#bridge };
    if (image === undefined) {
      const { exports } = new WebAssembly.Instance(module, imports);
      const { memory } = exports;
      if (!(memory instanceof WebAssembly.Memory)) throw new Error("no memory");
      wasi.attach(memory);
      return { exports, memory };
    }
    const memory = this.#memories.take(image);
    this.#last = { memory, image };
    const { exports } = new WebAssembly.Instance(module, {
      ...imports,
      [MEMORY_IMPORT.module]: { [MEMORY_IMPORT.name]: memory },
    });
    wasi.attach(memory);
    return { exports, memory };
  }

  #globals(exports: Exports): readonly WebAssembly.Global[] {
    return (this.#code.parts?.globals ?? []).map((name) => exports[name] as WebAssembly.Global);
  }
}

const SAID_BYTES = 4096;

type Exports = WebAssembly.Instance["exports"];

function call(exports: Exports, name: string): void {
  const called = exports[name];
  if (typeof called !== "function") throw new Error(`no function ${name}`);
  (called as () => void)();
}

/** What is in them, as a text: functions by their numbers, which is what V8 calls them. */
function tablesOf(names: readonly string[], exports: Exports): string {
  const tables = names.map((name) => {
    const table = exports[name] as WebAssembly.Table;
    return Array.from({ length: table.length }, (_, index) => {
      const entry = table.get(index);
      return typeof entry === "function" ? entry.name : "";
    });
  });
  return JSON.stringify(tables);
}
