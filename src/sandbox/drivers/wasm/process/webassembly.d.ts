/** What is used of the WebAssembly JavaScript interface: TypeScript has it among the types of browsers alone. */
declare namespace WebAssembly {
  interface Module {
    readonly [Symbol.toStringTag]: "WebAssembly.Module";
  }
  interface Described {
    readonly name: string;
    readonly kind: "function" | "table" | "memory" | "global" | "tag";
  }
  const Module: {
    imports(module: Module): readonly (Described & { readonly module: string })[];
    exports(module: Module): readonly Described[];
  };
  class Memory {
    constructor(type: { readonly initial: number; readonly maximum?: number });
    readonly buffer: ArrayBuffer;
  }
  class Table {
    readonly length: number;
    get(index: number): unknown;
  }
  class Global {
    value: number | bigint;
  }
  class Exception extends Error {}
  class Instance {
    constructor(module: Module, imports?: Readonly<Record<string, Readonly<Record<string, unknown>>>>);
    readonly exports: Readonly<Record<string, unknown>>;
  }
  function compile(bytes: Uint8Array): Promise<Module>;
}
