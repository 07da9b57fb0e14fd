/**
 * Makes one module of ruby.wasm and a normalizer: starts Ruby, loads the SDK and the normalizer, and writes the state that
 * comes of it as the module's own data, with a `_start` that goes on from there. Ruby runs in WebAssembly with our WASI, in
 * which it sees the package and nothing else. Arguments: ruby.wasm, the package's folder, its file, the SDK's file, the
 * module to write.
 */
import { readFileSync, writeFileSync } from "node:fs";

import { fillMemory, takeImage } from "./process/memory-image.ts";
import { Ring } from "./process/ring.ts";
import { bridgeFor } from "./process/ruby-bridge.ts";
import { MEMORY_IMPORT, takeApart } from "./process/take-apart.ts";
import type { ModuleParts } from "./process/take-apart.ts";
import { moduleWithState } from "./module-with-state.ts";
import { createWasi } from "./process/wasi/create-wasi.ts";
import { folder, readTree } from "./process/wasi/tree.ts";

const INIT = "ruby-init: func(args: list<string>) -> ()";
const EVAL = "rb-eval-string-protect: func(str: string) -> tuple<handle<rb-abi-value>, s32>";
const PACKAGE_INSIDE = "/whiskers/package";

type Exported = (...values: readonly number[]) => number;

async function main([
  rubyFile = "",
  packageFolder = "",
  file = "",
  sdkFile = "",
  target = "",
]: readonly string[]): Promise<void> {
  const bytes = readFileSync(rubyFile);
  const parts = takeApart(bytes);
  if (parts === null || parts.globals === null)
    throw new Error(`${rubyFile}: not the ruby.wasm that is known here`);
  const module = await WebAssembly.compile(parts.code);
  const ruby = start(module, parts, packageFolder);
  ruby.evaluate(readFileSync(sdkFile, "utf8"), "whiskers.rb");
  ruby.evaluate(
    `$LOAD_PATH.unshift(${JSON.stringify(PACKAGE_INSIDE)}); load ${JSON.stringify(`${PACKAGE_INSIDE}/${file}`)}`,
    file,
  );
  ruby.evaluate(
    "raise NameError, 'it defines no method run' unless Object.private_method_defined?(:run); GC.start",
    file,
  );
  const serve = ruby.place("Whiskers.serve");
  const image = takeImage(ruby.memory);
  if (image === null) throw new Error("what it has loaded takes more memory than a module may bring");
  const imported = WebAssembly.Module.imports(module).filter(({ kind }) => kind === "function").length;
  writeFileSync(
    target,
    moduleWithState(bytes, { image, globals: ruby.globals(), evaluate: EVAL, code: serve, imported }),
  );
}

function start(module: WebAssembly.Module, parts: Omit<ModuleParts, "code">, packageFolder: string) {
  const [input, output, errors] = [Ring.of(0), listen(process.stdout), listen(process.stderr)];
  input.end();
  const wasi = createWasi({
    args: ["ruby"],
    env: {
      HOME: "/tmp",
      LANG: "C.UTF-8",
      WHISKERS_META: "/whiskers/meta.json",
      WHISKERS_PACKAGE: PACKAGE_INSIDE,
    },
    input,
    output,
    errors,
    files: [],
    tmpBytes: 0,
    openFiles: 64,
    shared: folder(null, [["package", readTree(packageFolder)]]),
  });
  const memory = new WebAssembly.Memory({
    initial: parts.image.wasmPages,
    ...(parts.maximumPages === null ? {} : { maximum: parts.maximumPages }),
  });
  fillMemory(memory, parts.image);
  const { exports } = new WebAssembly.Instance(module, {
    wasi_snapshot_preview1: wasi.imports,
    ...bridgeFor(module),
    [MEMORY_IMPORT.module]: { [MEMORY_IMPORT.name]: memory },
  });
  wasi.attach(memory);
  const call = (name: string, ...values: readonly number[]): number => (exports[name] as Exported)(...values);
  const place = (text: string): readonly [at: number, length: number] => {
    // Ruby reads texts to their zero.
    const encoded = new TextEncoder().encode(`${text}\0`);
    const at = call("cabi_realloc", 0, 0, 1, encoded.length);
    new Uint8Array(memory.buffer).set(encoded, at);
    return [at, encoded.length];
  };
  call("_initialize");
  const args = ["ruby", "-W0", "-EUTF-8", "-e_=0"].map(place);
  const list = call("cabi_realloc", 0, 0, 4, args.length * 8);
  new Uint32Array(memory.buffer, list, args.length * 2).set(args.flat());
  call(INIT, list, args.length);
  return {
    memory,
    place,
    globals: () => (parts.globals ?? []).map((name) => (exports[name] as WebAssembly.Global).value),
    /** @throws Error it raised, or was killed; Ruby has said why on standard error */
    evaluate: (code: string, name: string): void => {
      const raised = "begin; $stderr.puts($!.full_message(highlight: false)); raise; end";
      const text = `begin; eval(${rubyText(code)}, TOPLEVEL_BINDING, ${JSON.stringify(name)}); rescue Exception; ${raised}; end`;
      const answer = call(EVAL, ...place(text));
      if (new DataView(memory.buffer).getInt32(answer + 4, true) !== 0)
        throw new Error(`${name} cannot be loaded`);
    },
  };
}

/** As a literal that means the same whatever is in it. */
function rubyText(code: string): string {
  return `[${JSON.stringify(Buffer.from(code).toString("base64"))}].first.unpack1("m").force_encoding("UTF-8")`;
}

function listen(stream: NodeJS.WriteStream): Ring {
  const ring: Ring = new Ring(Ring.of(65_536).shared, () => {
    const bytes = Buffer.alloc(65_536);
    const count = ring.length === 0 ? 0 : ring.read(bytes);
    if (count > 0) stream.write(bytes.subarray(0, count));
  });
  return ring;
}

await main(process.argv.slice(2));
