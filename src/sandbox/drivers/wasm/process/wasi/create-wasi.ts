import { Ring } from "../ring.ts";
import { Descriptors } from "./descriptors.ts";
import type { Descriptor } from "./descriptors.ts";
import { ERRNO, WasiError } from "./errno.ts";
import { fileCalls } from "./file-calls.ts";
import { GuestMemory } from "./guest-memory.ts";
import { pathCalls } from "./path-calls.ts";
import { cpuUs, processCalls } from "./process-calls.ts";
import { Quota, folder, memoryFile, use } from "./tree.ts";
import type { Folder } from "./tree.ts";

export interface WasiOptions {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly input: Ring;
  readonly output: Ring;
  readonly errors: Ring;
  /** /whiskers but the files of this run. */
  readonly shared: Folder;
  /** Placed in /whiskers. */
  readonly files: readonly { readonly name: string; readonly content: Uint8Array }[];
  readonly tmpBytes: number;
  readonly openFiles: number;
}

/** A call of the guest's. Numbers of 64 bits are bigint. Nothing is `success`; trouble is a `WasiError`. */
export type Call = (...args: never[]) => void;

export interface CallContext {
  readonly memory: () => GuestMemory;
  readonly descriptors: Descriptors;
  readonly options: WasiOptions;
  /** When the run began, by its thread's processor time, microseconds. */
  readonly cpu: { startUs: number };
}

/**
 * WASI preview 1 of our own capabilities: clocks, random numbers, three streams, a read-only tree with the package and
 * a bounded /tmp. No sockets, no host files, no environment but what is given.
 * https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md
 */
export function createWasi(options: WasiOptions): {
  readonly imports: Readonly<Record<string, (...args: never[]) => number>>;
  /** When a run begins: its processor time counts from here. */
  readonly beginRun: () => void;
  /** Before the guest's first call. */
  readonly attach: (memory: WebAssembly.Memory) => void;
  /** For another instance with the same options: nothing is left of what this one did. */
  readonly restart: () => void;
  /** Nothing is open and nothing is kept that was not at the start. */
  readonly isAsAtStart: () => boolean;
} {
  let memory: GuestMemory | null = null;
  const context: CallContext = {
    memory: () => {
      // A start function calls before the instance's memory is known.
      if (memory === null) throw new WasiError("fault");
      return memory;
    },
    descriptors: new Descriptors(firstDescriptors(options), options.openFiles),
    options,
    cpu: { startUs: cpuUs() },
  };
  const calls: Readonly<Record<string, Call>> = {
    ...processCalls(context),
    ...fileCalls(context),
    ...pathCalls(context),
  };
  return {
    imports: Object.fromEntries(Object.entries(calls).map(([name, call]) => [name, answering(call)])),
    beginRun: () => {
      context.cpu.startUs = cpuUs();
    },
    attach: (given) => {
      memory = new GuestMemory(given);
    },
    restart: () => {
      context.descriptors.restart(firstDescriptors(options));
    },
    isAsAtStart: () => context.descriptors.isAsAtStart() && isEmptyTmp(context.descriptors),
  };
}

const ROOT_DESCRIPTOR = 3;

function isEmptyTmp(descriptors: Descriptors): boolean {
  const tmp = descriptors.folder(ROOT_DESCRIPTOR).entries.get("tmp");
  return tmp?.kind === "folder" && tmp.entries.size === 0;
}

/** The names of all calls. */
export function offeredCalls(): ReadonlySet<string> {
  const ring = Ring.of(0);
  const nothing = { args: [], env: {}, files: [], tmpBytes: 0, openFiles: 0 };
  const streams = { input: ring, output: ring, errors: ring };
  return new Set(Object.keys(createWasi({ ...nothing, ...streams, shared: folder(null) }).imports));
}

function firstDescriptors(options: WasiOptions): readonly Descriptor[] {
  const { input, output, errors } = options;
  // There is no call that duplicates a descriptor: this is how an SDK moves the protocol away from 0 and 1.
  const devices = folder(null, [
    ["null", memoryFile(new Uint8Array(), null)],
    ["stdin", { kind: "device", stream: "input", ring: input }],
    ["stdout", { kind: "device", stream: "output", ring: output }],
    ["stderr", { kind: "device", stream: "output", ring: errors }],
  ]);
  const root = rootFolder(options, [["dev", devices]]);
  return [
    { kind: "input", ring: input },
    { kind: "output", ring: output },
    { kind: "output", ring: errors },
    { kind: "node", node: root, position: 0, append: false, readable: true, writable: false, preopen: "/" },
  ];
}

/** All that one instance sees, as a tree of its own. */
export function rootFolder(
  { shared, files, tmpBytes }: Pick<WasiOptions, "shared" | "files" | "tmpBytes">,
  more: Iterable<readonly [string, Folder]> = [],
): Folder {
  const whiskers = folder(null, [
    ...shared.entries,
    ...files.map(({ name, content }) => [name, memoryFile(content, null)] as const),
  ]);
  const root = folder(null, [["whiskers", whiskers], ["tmp", folder(new Quota(tmpBytes))], ...more]);
  use(root);
  return root;
}

function answering(call: Call): (...args: never[]) => number {
  return (...args) => {
    try {
      call(...args);
      return ERRNO.success;
    } catch (error) {
      if (error instanceof WasiError) return error.errno;
      // An address outside of its memory, or no room left on its stack or in ours.
      if (error instanceof RangeError) return ERRNO.fault;
      throw error;
    }
  };
}
