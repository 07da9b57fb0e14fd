/** A thread that runs one instance after another, each with memory, tables and files of its own. */
import util from "node:util";
import { parentPort, workerData } from "node:worker_threads";

import type { EndedMessage } from "./channel.ts";
import { loadGlue } from "./component/load-glue.ts";
import { ComponentInstance } from "./component/serve-component.ts";
import { ModuleRunner } from "./module-runner.ts";
import type { Snapshot } from "./module-runner.ts";
import { Ring } from "./ring.ts";
import { THREAD_STATE } from "./thread-messages.ts";
import type { RunMessage, ThreadData } from "./thread-messages.ts";
import type { WasiOptions } from "./wasi/create-wasi.ts";
import { GuestExit } from "./wasi/errno.ts";
import { folder, readTree } from "./wasi/tree.ts";

const PAGE_BYTES = 65_536;
/** Memory of instances that are gone is free only once V8 has looked; a look costs milliseconds. */
const COLLECT_AFTER_BYTES = 64 * 1024 * 1024;
/** As a shell says it of a program that a signal ended. */
const TRAPPED = "SIGABRT";
/** V8, of a module that begins with more than there may be. */
const NO_MEMORY =
  /Cannot allocate Wasm memory|WebAssembly\.Memory\(\): (?:could not allocate|Property 'initial')/u;

const port = parentPort;
if (port !== null) serve(port, workerData as ThreadData);

/** A thread has no origin, unlike a window. */
// oxlint-disable unicorn/require-post-message-target-origin
function serve(parent: NonNullable<typeof parentPort>, data: ThreadData): void {
  const state = new Int32Array(data.state);
  let memory: WebAssembly.Memory | null = null;
  let startCpuMs = 0;
  let garbageBytes = 0;
  const measure = (): void => {
    const pages = (memory?.buffer.byteLength ?? 0) / PAGE_BYTES;
    if (pages > Atomics.load(state, THREAD_STATE.memoryPages))
      Atomics.store(state, THREAD_STATE.memoryPages, pages);
    Atomics.store(state, THREAD_STATE.cpuMs, Math.ceil(cpuMs() - startCpuMs));
  };
  const wake = (): void => {
    measure();
    if (Atomics.exchange(state, THREAD_STATE.woken, 1) === 0) parent.postMessage("wake");
  };
  const [input, output, errors] = [data.input, data.output, data.errors].map(
    (shared) => new Ring(shared, wake),
  );
  if (input === undefined || output === undefined || errors === undefined) throw new Error("no rings");
  const shown = Object.entries(data.folders).map(([name, path]) => [name, readTree(path)] as const);
  const shared = folder(null, shown);
  const { code, tmpBytes, openFiles } = data;
  const runner = code.kind === "module" ? new ModuleRunner(code) : null;
  const snapshotFor = (message: RunMessage, options: WasiOptions, made: ModuleRunner): Snapshot | null => {
    if (!made.isReactor || message.snapshot !== undefined) return message.snapshot ?? null;
    const snapshot = made.takeSnapshot(options);
    parent.postMessage({ snapshot });
    return snapshot;
  };
  const component =
    code.kind === "component" ? { glue: loadGlue(code.glueFile), modules: code.modules } : null;
  let ahead: Ahead | null = null;
  parent.on("message", (message: RunMessage) => {
    startCpuMs = cpuMs();
    const options = { ...message, input, output, errors, shared, tmpBytes, openFiles };
    const snapshot = runner === null ? null : snapshotFor(message, options, runner);
    const onMemory = (given: WebAssembly.Memory): void => {
      // Of a component's modules the largest one is counted: the others have none, or that one.
      if (memory === null || given.buffer.byteLength >= memory.buffer.byteLength) memory = given;
    };
    const ended = endOf(errors, () => {
      if (runner !== null) return runner.run(options, snapshot, onMemory);
      if (component === null) throw new Error("no component");
      const prepared = ahead?.key === keyOf(message) ? ahead.instance : null;
      if (prepared === null) memory = null;
      ahead = null;
      const instance = prepared ?? new ComponentInstance(component, { ...options, onMemory });
      return instance.serve(input, stateOf(message));
    });
    measure();
    const memoryBytes = Atomics.load(state, THREAD_STATE.memoryPages) * PAGE_BYTES;
    parent.postMessage({ ...ended, cpuMs: cpuMs() - startCpuMs, memoryBytes });
    memory = null;
    garbageBytes +=
      runner === null ? memoryBytes : runner.prepareNext(options, snapshot, ended.exitCode === 0);
    if (garbageBytes > COLLECT_AFTER_BYTES) {
      globalThis.gc?.();
      garbageBytes = 0;
    }
    parent.postMessage("idle");
    // Files of a run are in no other's instance.
    if (component === null || ended.exitCode !== 0 || message.files.length > 0) return;
    Atomics.store(state, THREAD_STATE.preparing, 1);
    try {
      ahead = { key: keyOf(message), instance: new ComponentInstance(component, { ...options, onMemory }) };
    } catch {
      // The next run says what is wrong.
    }
    Atomics.store(state, THREAD_STATE.preparing, 0);
  });
  parent.postMessage("idle");
}

/** An instance that was made while there was nothing else to do, for a run that is told the same. */
interface Ahead {
  readonly key: string;
  readonly instance: ComponentInstance;
}

function keyOf({ args, env, files }: RunMessage): string {
  return JSON.stringify([args, env, files.map(({ name }) => name)]);
}

function stateOf({ env }: RunMessage): "fresh" | "reuse" {
  return env["WHISKERS_STATE"] === "reuse" ? "reuse" : "fresh";
}

function endOf(errors: Ring, run: () => number): Pick<EndedMessage, "exitCode" | "signal" | "outOfMemory"> {
  try {
    return { exitCode: run(), signal: null, outOfMemory: false };
  } catch (error) {
    if (error instanceof GuestExit) return { exitCode: error.code, signal: null, outOfMemory: false };
    const said = describe(error);
    errors.writeAll(new TextEncoder().encode(`WebAssembly: ${said}\n`));
    return { exitCode: null, signal: TRAPPED, outOfMemory: NO_MEMORY.test(said) };
  }
}

function describe(error: unknown): string {
  if (error instanceof WebAssembly.Exception) return "an exception that nothing caught";
  // Of the glue's own kind, if it is of a component's.
  return util.types.isNativeError(error) ? `${error.name}: ${error.message}` : "something was thrown";
}

function cpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}
