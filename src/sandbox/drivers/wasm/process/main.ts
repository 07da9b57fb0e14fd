/**
 * The process with one package's instances: compiles its module once and runs each instance in a thread. It speaks
 * with the driver over its standard input and output: channel.ts. Arguments: JSON `MainOptions`.
 */
import { readFileSync, readdirSync } from "node:fs";

import { MESSAGE, MessageReader, send } from "./channel.ts";
import type { LoadedMessage, Message, OpenMessage } from "./channel.ts";
import { inspectModule, readMemories } from "./inspect-module.ts";
import { Instance } from "./instance.ts";
import type { ModuleCode, Snapshot } from "./module-runner.ts";
import { takeApart } from "./take-apart.ts";
import { Thread } from "./thread.ts";
import type { ThreadOptions } from "./thread.ts";
import type { Code, CoreModule } from "./thread-messages.ts";
import { offeredCalls } from "./wasi/create-wasi.ts";

export interface MainOptions extends Omit<ThreadOptions, "code"> {
  readonly moduleFile: string;
  /** What was made of it by transpile.ts; null: it is no component. */
  readonly component: { readonly folder: string } | { readonly trouble: string } | null;
}

/** Threads that wait, started: what a start of one costs is then no part of a run. */
const SPARE_THREADS = 1;

async function main({ moduleFile, component, ...options }: MainOptions): Promise<void> {
  const instances = new Map<number, Instance>();
  const waiting: Message[] = [];
  let threads: Threads | null = null;
  const reader = new MessageReader();
  process.stdin.on("data", (chunk: Buffer) => {
    for (const message of reader.read(chunk)) {
      if (threads === null) waiting.push(message);
      else handle(message, instances, threads);
    }
  });
  process.stdin.on("end", () => process.exit(0));
  const loaded = await (component === null ? load(moduleFile) : loadComponent(component));
  const trouble = typeof loaded === "string" ? loaded : null;
  if (typeof loaded !== "string") {
    threads = new Threads({ ...options, code: loaded });
    await threads.started;
  }
  send(process.stdout, MESSAGE.loaded, 0, Buffer.from(JSON.stringify({ trouble } satisfies LoadedMessage)));
  if (threads !== null) for (const message of waiting) handle(message, instances, threads);
}

/** The module, or why there is none that we run. */
async function load(file: string): Promise<Code | string> {
  try {
    const bytes = readFileSync(file);
    const { module, parts } = await compile(bytes);
    const trouble = inspectModule(module, parts !== null, bytes, offeredCalls());
    if (trouble !== null) return trouble;
    const isReactor = WebAssembly.Module.exports(module).every(({ name }) => name !== "_start");
    return { kind: "module", module, parts, isReactor };
  } catch (error) {
    return error instanceof Error ? error.message : "it cannot be compiled";
  }
}

/** What V8 says of a module that is none is to be of the module as it is. */
async function compile(bytes: Uint8Array): Promise<Pick<ModuleCode, "module" | "parts">> {
  const parts = takeApart(bytes);
  if (parts !== null) {
    try {
      const { code, ...rest } = parts;
      return { module: await WebAssembly.compile(code), parts: rest };
    } catch {
      // Said below.
    }
  }
  return { module: await WebAssembly.compile(bytes), parts: null };
}

async function loadComponent(component: NonNullable<MainOptions["component"]>): Promise<Code | string> {
  if ("trouble" in component) return component.trouble;
  const { folder } = component;
  try {
    const names = readdirSync(folder).filter((name) => name.endsWith(".wasm"));
    const modules = await Promise.all(
      names.map(async (name) => [name, await compileCore(`${folder}/${name}`)] as const),
    );
    return {
      kind: "component",
      glueFile: `${folder}/component.js`,
      modules: Object.fromEntries(modules),
    };
  } catch (error) {
    return error instanceof Error ? error.message : "it cannot be compiled";
  }
}

async function compileCore(file: string): Promise<CoreModule> {
  const bytes = readFileSync(file);
  const module = await WebAssembly.compile(bytes);
  const memories = readMemories(bytes);
  if (typeof memories === "string") throw new Error(memories);
  return { module, memories };
}

function handle(
  { kind, instance: number, payload }: Message,
  instances: Map<number, Instance>,
  threads: Threads,
): void {
  if (kind === MESSAGE.open) {
    const { args, env, files } = JSON.parse(payload.toString()) as OpenMessage;
    const opened = new Instance(number, threads.take(), () => instances.delete(number));
    instances.set(number, opened);
    const decoded = files.map(({ name, content }) => ({
      name,
      content: Uint8Array.from(Buffer.from(content, "base64")),
    }));
    const key = JSON.stringify([args, env]);
    const snapshot = threads.snapshots.get(key);
    opened.start({ args, env, files: decoded, ...(snapshot === undefined ? {} : { snapshot }) }, (made) =>
      threads.snapshots.set(key, made),
    );
    return;
  }
  const instance = instances.get(number);
  // It may have ended while the message was under way.
  if (instance === undefined) return;
  switch (kind) {
    case MESSAGE.input:
      instance.write(payload);
      return;
    case MESSAGE.inputEnd:
      instance.endInput();
      return;
    case MESSAGE.kill:
      instance.kill();
      return;
    case MESSAGE.read:
      instance.hasRead(payload.readUInt32BE(0), payload.readUInt32BE(4));
      return;
    case MESSAGE.usage:
      send(process.stdout, MESSAGE.usage, number, Buffer.from(JSON.stringify(instance.usage())));
      return;
    default:
      throw new Error(`a message of kind ${kind}`);
  }
}

class Threads {
  readonly #options: ThreadOptions;
  readonly #idle: Thread[] = [];
  /** Of a reactor, by its arguments and variables, which its language may have looked at. */
  readonly snapshots = new Map<string, Snapshot | null>();
  #starting = 0;
  /** The first of them can take an instance. */
  readonly started: Promise<void>;
  #onStarted: () => void = () => {};

  constructor(options: ThreadOptions) {
    this.#options = options;
    this.started = new Promise((resolve) => {
      this.#onStarted = resolve;
    });
    for (let count = 0; count < SPARE_THREADS; count += 1) this.#make();
  }

  /** One that waits, or that is being started. */
  take(): Thread {
    const thread = this.#idle.pop() ?? this.#make(true);
    // After this run has begun: it goes first.
    setImmediate(() => {
      while (this.#idle.length + this.#starting < SPARE_THREADS) this.#make();
    });
    return thread;
  }

  /** @param isTaken it is not for others, when it is ready */
  #make(isTaken = false): Thread {
    let isStarting = true;
    if (!isTaken) this.#starting += 1;
    const onIdle = (thread: Thread): void => {
      // What has run before has the next instance of a component ready: it is taken first.
      if (!isStarting) this.#idle.push(thread);
      else if (!isTaken) this.#idle.unshift(thread);
      if (isStarting && !isTaken) this.#starting -= 1;
      isStarting = false;
      this.#onStarted();
    };
    const onGone = (thread: Thread): void => {
      if (isStarting && !isTaken) this.#starting -= 1;
      this.#onStarted();
      const at = this.#idle.indexOf(thread);
      if (at !== -1) this.#idle.splice(at, 1);
    };
    return new Thread(this.#options, onIdle, onGone);
  }
}

const [options = "{}"] = process.argv.slice(2);
await main(JSON.parse(options) as MainOptions);
