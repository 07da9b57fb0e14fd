import type { EndedMessage } from "./channel.ts";

/** What a thread makes instances of. */
export type Code =
  | { readonly kind: "module"; readonly module: WebAssembly.Module }
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
}

/** `wake`: look at the rings. `idle`: the next may come. */
export type ThreadMessage = "wake" | "idle" | EndedMessage;

/**
 * Indexes. `woken`: the process was told to look and has not looked yet. `preparing`: it makes the next instance, with
 * nothing else to do.
 */
export const THREAD_STATE = { woken: 0, memoryPages: 1, cpuMs: 2, preparing: 3, length: 4 } as const;
