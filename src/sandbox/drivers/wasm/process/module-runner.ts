import { SERVE } from "./inspect-module.ts";
import { Memories, mayBeKept } from "./memories.ts";
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

/** An instance before its run. */
interface Made {
  readonly exports: Exports;
  readonly memory: WebAssembly.Memory;
  /** What memory and globals hold; null: a module that was not taken apart. */
  readonly state: Snapshot | null;
  /** A reactor's language has started. */
  readonly isStarted: boolean;
  readonly restart: () => void;
  readonly beginRun: () => void;
}

/** Instances of one module, one after another, each with state of its own. */
export class ModuleRunner {
  readonly #code: ModuleCode;
  readonly #memories: Memories;
  readonly #bridge: ReturnType<typeof bridgeFor>;
  #last: Made | null = null;
  /** For a run that is told the same as the one before. */
  #ahead: { readonly key: string; readonly made: Made } | null = null;

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
    const ahead = this.#ahead?.key === keyOf(options) ? this.#ahead.made : null;
    this.#ahead = null;
    const made = ahead ?? this.#make(options, snapshot);
    this.#last = made;
    onMemory(made.memory);
    made.beginRun();
    if (!this.#code.isReactor) {
      call(made.exports, "_start");
      return 0;
    }
    if (!made.isStarted) call(made.exports, "_initialize");
    call(made.exports, SERVE);
    return 0;
  }

  /**
   * Makes what the next run begins with, while nobody waits for it: an instance, or its memory alone where the next run
   * has files of its own. Returns how much of the last one is garbage.
   */
  prepareNext(options: WasiOptions, snapshot: Snapshot | null, endedWell: boolean): number {
    const last = this.#last;
    this.#last = null;
    if (last === null) return 0;
    const { byteLength } = last.memory.buffer;
    if (last.state === null) return byteLength;
    const { image } = last.state;
    const isKept = this.#memories.giveBack(last.memory, image);
    // Files of a run are in no other's instance.
    if (options.files.length === 0 && mayBeKept(image)) {
      try {
        const again = isKept && endedWell ? this.#again(last, snapshot) : null;
        this.#ahead = { key: keyOf(options), made: again ?? this.#make(options, snapshot) };
      } catch {
        // The next run says what is wrong.
      }
    }
    return isKept ? 0 : byteLength;
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
      return image && { image, globals: this.#readGlobals(exports) };
    } catch {
      // Whatever it is, an instance of a run says it.
      return null;
    }
  }

  #make(options: WasiOptions, snapshot: Snapshot | null): Made {
    const wasi = createWasi(options);
    const { exports, memory } = this.#instantiate(wasi, snapshot?.image);
    const image = this.#code.parts?.image;
    const state = snapshot ?? (image === undefined ? null : { image, globals: this.#readGlobals(exports) });
    if (snapshot !== null) this.#writeGlobals(exports, snapshot);
    return {
      exports,
      memory,
      state,
      isStarted: snapshot !== null,
      restart: wasi.restart,
      beginRun: wasi.beginRun,
    };
  }

  /**
   * The same instance, where nothing tells it from a new one: its memory was overwritten, its globals are, and what its tables
   * hold never changes. Null: it has to be another one.
   */
  #again(last: Made, snapshot: Snapshot | null): Made | null {
    const { parts } = this.#code;
    if (last.state === null || parts?.tablesAreFixed !== true || parts.globals === null) return null;
    if (last.isStarted !== (snapshot !== null)) return null;
    const memory = this.#memories.take(last.state.image);
    if (memory !== last.memory) return null;
    this.#writeGlobals(last.exports, last.state);
    last.restart();
    return last;
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
    const { exports } = new WebAssembly.Instance(module, {
      ...imports,
      [MEMORY_IMPORT.module]: { [MEMORY_IMPORT.name]: memory },
    });
    wasi.attach(memory);
    return { exports, memory };
  }

  #readGlobals(exports: Exports): Snapshot["globals"] {
    return this.#globals(exports).map(({ value }) => value);
  }

  #writeGlobals(exports: Exports, { globals }: Snapshot): void {
    for (const [index, global] of this.#globals(exports).entries()) global.value = globals[index] ?? 0;
  }

  #globals(exports: Exports): readonly WebAssembly.Global[] {
    return (this.#code.parts?.globals ?? []).map((name) => exports[name] as WebAssembly.Global);
  }
}

const SAID_BYTES = 4096;

type Exports = WebAssembly.Instance["exports"];

function keyOf({ args, env, files }: WasiOptions): string {
  return JSON.stringify([args, env, files.map(({ name }) => name)]);
}

function call(exports: Exports, name: string): void {
  const called = exports[name];
  if (typeof called !== "function") throw new Error(`no function ${name}`);
  (called as () => void)();
}

/**
 * What is in them, as a text: functions by their numbers, which is what V8 calls them.
 * @throws Error there is something else, of which nothing can be told
 */
function tablesOf(names: readonly string[], exports: Exports): string {
  const tables = names.map((name) => {
    const table = exports[name] as WebAssembly.Table;
    return Array.from({ length: table.length }, (_, index) => {
      const entry: unknown = table.get(index);
      if (entry === null) return "";
      if (typeof entry !== "function") throw new Error("no function");
      return entry.name;
    });
  });
  return JSON.stringify(tables);
}
