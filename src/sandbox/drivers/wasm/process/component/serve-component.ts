import type { Ring } from "../ring.ts";
import { GuestExit } from "../wasi/errno.ts";
import { createHost } from "./create-host.ts";
import type { HostOptions } from "./create-host.ts";
import { FRAME, PAYLOAD_MAX_BYTES, readFrame, writeFrame } from "./frames.ts";
import type { Frame } from "./frames.ts";
import type { CoreModule } from "../thread-messages.ts";
import type { Glue } from "./load-glue.ts";

const LINE_END = 10;
const MESSAGE_MAX_CHARS = 64 * 1024;
/** QuickJS' components have an empty one besides their own. */
const MEMORIES_MAX = 2;
/** Of a failure: what the SDKs allow themselves. */
const TYPE_MAX_CHARS = 256;
const FAILURE_MAX_CHARS = 4 * 1024;
const STACK_MAX_CHARS = 16 * 1024;
/** Of a component that is no normalizer, as of a guest that cannot load one. */
const LOAD_FAILED = 1;

export interface Component {
  readonly glue: Glue;
  /** By the names that the glue has for them. */
  readonly modules: Readonly<Record<string, CoreModule>>;
}

export interface InstanceOptions extends Omit<HostOptions, "output" | "print"> {
  readonly output: Ring;
  readonly errors: Ring;
  readonly onMemory: (memory: WebAssembly.Memory) => void;
}

interface RawFile {
  readonly id: string;
  readonly mimeTypes: readonly string[];
  readonly content: Uint8Array;
}

type Run = (meta: string, raws: readonly RawFile[]) => void;

/** What it may print before its run: it is shown in the run's log. */
const EARLY_MAX_BYTES = 64 * 1024;

/** One instance. It can be made ahead of its run: it is used for no other. */
export class ComponentInstance {
  readonly #output: Ring;
  readonly #errors: Ring;
  readonly #current = { run: 0 };
  readonly #run: Run | string;
  #early: Uint8Array[] | null = [];
  #earlyBytes = 0;

  /** @throws whatever a trap is */
  constructor(component: Component, options: InstanceOptions) {
    this.#output = options.output;
    this.#errors = options.errors;
    const host = {
      ...options,
      output: outputInterface(options.output, this.#current),
      print: (bytes: Uint8Array): void => {
        this.#print(bytes);
      },
    };
    this.#run = instantiate(component, host, options.onMemory);
  }

  /**
   * Speaks the guest protocol; returns its exit status.
   * @throws GuestExit, and whatever a trap is
   */
  serve(input: Ring, state: "fresh" | "reuse"): number {
    const output = this.#output;
    const run = this.#run;
    for (const bytes of this.#early ?? []) this.#errors.writeAll(bytes);
    this.#early = null;
    if (typeof run === "string") {
      sendJson(output, FRAME.failed, 0, { type: "", message: run, stack: "", reason: "load" });
      return LOAD_FAILED;
    }
    sendJson(output, FRAME.ready, 0, { protocols: [1] });
    for (;;) {
      const frame = readFrame(input);
      if (frame === null) return 0;
      this.#current.run = frame.run;
      const { meta, raws } = readRun(frame, input);
      answer(output, frame.run, () => {
        run(meta, raws);
      });
      if (state === "fresh") return 0;
      sendJson(output, FRAME.ready, 0, {});
    }
  }

  #print(bytes: Uint8Array): void {
    if (this.#early === null) {
      this.#errors.writeAll(bytes);
      return;
    }
    this.#earlyBytes += bytes.length;
    if (this.#earlyBytes > EARLY_MAX_BYTES) throw new Error("it printed too much before its run");
    this.#early.push(bytes.slice());
  }
}

/** Its `run`, or why it cannot be made. */
function instantiate(
  { glue, modules }: Component,
  host: HostOptions,
  onMemory: InstanceOptions["onMemory"],
): Run | string {
  let memories = 0;
  try {
    const { run } = glue(
      (name) => {
        const found = modules[name];
        if (found === undefined) throw new Error(`no module ${name}`);
        return found.module;
      },
      createHost(host),
      (module, imports = {}) => {
        // V8 limits each memory by itself, and a component may make any number of instances.
        memories += Object.values(modules).find((one) => one.module === module)?.memories ?? 1;
        if (memories > MEMORIES_MAX) throw new Error(`it has more than ${MEMORIES_MAX} memories`);
        const instance = new WebAssembly.Instance(module, imports);
        for (const one of Object.values(instance.exports)) {
          if (one instanceof WebAssembly.Memory) onMemory(one);
        }
        return instance;
      },
    );
    return typeof run === "function" ? (run as Run) : "it exports no function run";
  } catch (error) {
    // A missing function of an interface that is there is told here only.
    const missing = /undefined \w+ import '([^']+)'/u.exec(messageOf(error))?.[1];
    if (missing === undefined) throw error;
    return `it imports ${JSON.stringify(missing)}, which is not offered`;
  }
}

function outputInterface(output: Ring, current: { readonly run: number }): HostOptions["output"] {
  return {
    records: (lines: Uint8Array) => {
      if (current.run === 0) throw new Error("it gave records outside of a run");
      for (let at = 0; at < lines.length;) {
        const end = endOfPiece(lines, at);
        writeFrame(output, FRAME.records, current.run, lines.subarray(at, end));
        at = end;
      }
    },
    log: (level: string, message: string) => {
      if (current.run === 0) throw new Error("it logged outside of a run");
      sendLine(output, current.run, { level, message: message.slice(0, MESSAGE_MAX_CHARS) });
    },
  };
}

/** As many whole lines as fit into a frame. */
function endOfPiece(lines: Uint8Array, at: number): number {
  if (lines.length - at <= PAYLOAD_MAX_BYTES) return lines.length;
  const end = lines.lastIndexOf(LINE_END, at + PAYLOAD_MAX_BYTES - 1) + 1;
  if (end <= at) throw new Error(`a record of more than ${PAYLOAD_MAX_BYTES} bytes`);
  return end;
}

function readRun(
  { payload }: Frame,
  input: Ring,
): { readonly meta: string; readonly raws: readonly RawFile[] } {
  const request = JSON.parse(new TextDecoder().decode(payload)) as {
    readonly meta: object;
    readonly raws: readonly {
      readonly id: string;
      readonly size: number;
      readonly mime_types?: readonly string[];
    }[];
  };
  const raws = request.raws.map(({ id, size, mime_types: mimeTypes = [] }) => {
    const content = new Uint8Array(size);
    for (let at = 0; at < size;) {
      const part = readRaw(input);
      content.set(part, at);
      at += part.length;
    }
    return { id, mimeTypes, content };
  });
  if (readRaw(input).length > 0) throw new Error("the host sent more than it announced");
  return { meta: JSON.stringify(request.meta), raws };
}

function readRaw(input: Ring): Uint8Array {
  const frame = readFrame(input);
  if (frame?.kind !== FRAME.raw) throw new Error("the host did not send its raw files");
  return frame.payload;
}

function answer(output: Ring, run: number, call: () => void): void {
  try {
    call();
    sendJson(output, FRAME.done, run, {});
  } catch (error) {
    if (!isFailure(error)) throw error;
    const { type, message, stack, outOfMemory } = error.payload;
    sendJson(output, FRAME.failed, run, {
      type: type.slice(0, TYPE_MAX_CHARS),
      message: message.slice(0, FAILURE_MAX_CHARS),
      stack: stack.slice(0, STACK_MAX_CHARS),
      reason: outOfMemory ? "memory" : "raised",
    });
  }
}

interface Failure {
  readonly type: string;
  readonly message: string;
  readonly stack: string;
  readonly outOfMemory: boolean;
}

/** The error of `run`'s result: the glue throws it, in an Error of its own. */
function isFailure(error: unknown): error is { readonly payload: Failure } {
  if (error instanceof GuestExit || typeof error !== "object" || error === null) return false;
  const payload: unknown = Reflect.get(error, "payload");
  if (typeof payload !== "object" || payload === null) return false;
  return ["type", "message", "stack"].every((name) => typeof Reflect.get(payload, name) === "string");
}

function messageOf(error: unknown): string {
  const message: unknown =
    typeof error === "object" && error !== null ? Reflect.get(error, "message") : error;
  return String(message);
}

function sendJson(output: Ring, kind: number, run: number, value: object): void {
  writeFrame(output, kind, run, new TextEncoder().encode(JSON.stringify(value)));
}

function sendLine(output: Ring, run: number, entry: object): void {
  writeFrame(output, FRAME.log, run, new TextEncoder().encode(`${JSON.stringify(entry)}\n`));
}
