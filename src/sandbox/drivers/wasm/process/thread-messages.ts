import type { EndedMessage } from "./channel.ts";
import type { ModuleCode, Snapshot } from "./module-runner.ts";

/** What a thread makes instances of. */
export type Code =
  | ModuleCode
  | {
      readonly kind: "component";
      readonly glueFile: string;
      readonly modules: Readonly<Record<string, CoreModule>>;
    };

/** One of a component's. */
export interface CoreModule {
  readonly module: WebAssembly.Module;
  /** Of its own: each instance of it has them. */
  readonly memories: number;
}

/** What a thread is given when it starts. */
export interface ThreadData {
  readonly code: Code;
  readonly input: SharedArrayBuffer;
  readonly output: SharedArrayBuffer;
  readonly errors: SharedArrayBuffer;
  /** `THREAD_STATE` */
  readonly state: SharedArrayBuffer;
  /** What is shown in /whiskers, by name. */
  readonly folders: Readonly<Record<string, string>>;
  readonly tmpBytes: number;
  readonly openFiles: number;
}

export interface RunMessage {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly files: readonly { readonly name: string; readonly content: Uint8Array }[];
  /** Of a reactor that was started with the same arguments and variables; null: it cannot be kept; not given: make one. */
  readonly snapshot?: Snapshot | null;
}

/** What another run with the same arguments and variables is to be given. */
export interface SnapshotMessage {
  readonly snapshot: Snapshot | null;
}

/** `wake`: look at the rings. `idle`: the next may come. */
export type ThreadMessage = "wake" | "idle" | EndedMessage | SnapshotMessage;

/**
 * Indexes. `woken`: the process was told to look and has not looked yet. `preparing`: it makes the next instance, with
 * nothing else to do.
 */
export const THREAD_STATE = { woken: 0, memoryPages: 1, cpuMs: 2, preparing: 3, length: 4 } as const;
