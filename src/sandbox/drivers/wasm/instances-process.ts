import type { Limits } from "../../../domain/limits.ts";
import type { Ending, Sandbox } from "../../driver.ts";
import { Head } from "../head.ts";
import { MESSAGE, MessageReader, send } from "./process/channel.ts";
import type {
  EndedMessage,
  LoadedMessage,
  Message,
  MessageKind,
  OpenMessage,
  UsageMessage,
} from "./process/channel.ts";
import type { MainOptions } from "./process/main.ts";
import type { Host } from "./host.ts";

const MIB = 1024 * 1024;
const PAGE_BYTES = 65_536;
/** Node.js itself, its threads, and the code of a module. */
const PROCESS_BYTES = 384 * MIB;
/** Instances at once in one process: more start another one. */
const INSTANCES_MAX = 4;
/** Node.js' own, the compiler's, and one for each instance and spare. */
const PROCESS_THREADS = 64;
const PROCESS_FILES = 1024;
/** Entries of one table; V8's own limit is ten times as many. */
const TABLE_ENTRIES_MAX = 1_000_000;
/** Of one message: a piece of output is 32 KiB, and what V8 says of a module may have names in it. */
const SAID_MAX_BYTES = MIB;
const COMPONENT_INSIDE = "/whiskers/component";
const COMPLAINT_MAX_BYTES = 4096;
/** V8, before it ends the process: of a heap that is full, mostly, it ends the thread alone, but not where one array fills it. */
const SAYS_OUT_OF_MEMORY = /\bout of memory\b/iu;
/** How long an idle process waits for the next instance. */
const IDLE_MS = 60_000;

const ENDED_FOR_ANOTHER = "its process was ended with another run of the package that did not end in time";

const KILLED: Ending = { exitCode: null, signal: "SIGKILL", outOfMemory: false, runtimeError: null };

/** What a process says of one instance. Its bytes may be as hostile as the guest, if that got out of WebAssembly. */
export interface InstanceListener {
  readonly onOutput: (bytes: Buffer) => void;
  readonly onErrors: (bytes: Buffer) => void;
  readonly onTaken: (bytes: number) => void;
  readonly onUsage: (usage: UsageMessage) => void;
  /** Its module is none that can be run. Called once, before any other. */
  readonly onTrouble: (trouble: string) => void;
  readonly onEnded: (ending: Ending, usage: UsageMessage | null) => void;
}

/** One process with instances of one package, as the driver sees it. */
export class InstancesProcess {
  readonly #around: Sandbox;
  readonly #listeners = new Map<number, InstanceListener>();
  readonly #complaint = new Head(COMPLAINT_MAX_BYTES);
  readonly #onGone: () => void;
  readonly gone: Promise<void>;
  /** Resolves once its module is compiled, or cannot be, or the process is gone. */
  readonly loaded: Promise<void>;
  #onLoaded: () => void = () => {};
  #trouble: string | null = null;
  #count = 0;
  #reserved = 0;
  #isGone = false;
  /** It lives until it has been ended, and takes nothing more. */
  #isClosing = false;
  #isLoaded = false;
  /** The instance because of which we ended it. */
  #culprit: number | null = null;
  #idle: NodeJS.Timeout | null = null;

  private constructor(around: Sandbox, onGone: () => void) {
    this.#around = around;
    this.#onGone = onGone;
    around.errors.pipe(this.#complaint).resume();
    const reader = new MessageReader(SAID_MAX_BYTES);
    around.output.on("data", (chunk: Buffer) => {
      try {
        for (const message of reader.read(chunk)) this.#receive(message);
      } catch {
        // No process of ours says this: a guest got out of WebAssembly.
        around.signal("kill");
      }
    });
    this.loaded = new Promise((resolve) => {
      this.#onLoaded = resolve;
    });
    this.gone = this.#end();
  }

  /** @throws WhiskersError `sandbox-failed` */
  static async start(
    host: Host,
    pkg: { readonly folder: string; readonly dependencies: { readonly folder: string } | null },
    { file, component }: { readonly file: string; readonly component: MainOptions["component"] },
    limits: Limits,
    onGone: () => void,
  ): Promise<InstancesProcess> {
    const folder = component !== null && "folder" in component ? component.folder : null;
    const shown = {
      packageFolder: pkg.folder,
      dependenciesFolder: pkg.dependencies?.folder ?? null,
      more: folder === null ? null : { folder, inside: COMPONENT_INSIDE },
    };
    const around = await host.launch(
      shown,
      processLimits(limits),
      ({ program, packageFolder, dependenciesFolder, moreFolder }) => {
        const options: MainOptions = {
          moduleFile: `${packageFolder}/${file}`,
          component: moreFolder === null ? component : { folder: moreFolder },
          folders: {
            package: packageFolder,
            ...(dependenciesFolder === null ? {} : { dependencies: dependenciesFolder }),
          },
          tmpBytes: limits.tmpBytes,
          openFiles: limits.openFiles,
          heapMiB: heapMiB(limits),
        };
        const readable = [
          program,
          packageFolder,
          ...[dependenciesFolder, moreFolder].filter((one) => one !== null),
        ];
        return [
          process.execPath,
          `--wasm-max-mem-pages=${Math.max(1, Math.floor(limits.memoryBytes / PAGE_BYTES))}`,
          `--wasm-max-table-size=${TABLE_ENTRIES_MAX}`,
          "--expose-gc",
          "--no-warnings",
          // What a component's glue reaches of ours cannot make functions of texts.
          "--disallow-code-generation-from-strings",
          "--permission",
          "--allow-worker",
          ...readable.map((one) => `--allow-fs-read=${one}`),
          `${program}/main.js`,
          JSON.stringify(options),
        ];
      },
    );
    return new InstancesProcess(around, onGone);
  }

  /** Room for one more instance, which has to be opened then; false: it is full, gone, or being ended. */
  reserve(): boolean {
    if (this.#isGone || this.#isClosing) return false;
    if (this.#listeners.size + this.#reserved >= INSTANCES_MAX) return false;
    if (this.#idle !== null) clearTimeout(this.#idle);
    this.#reserved += 1;
    return true;
  }

  open(message: OpenMessage, listener: InstanceListener): number {
    this.#reserved -= 1;
    this.#count += 1;
    const number = this.#count;
    this.#listeners.set(number, listener);
    if (this.#isGone) {
      // It went between the two.
      setImmediate(() =>
        this.#over(number, { ...KILLED, runtimeError: "its process ended before it began" }, null),
      );
      return number;
    }
    const trouble = this.#trouble;
    if (trouble === null) this.send(MESSAGE.open, number, Buffer.from(JSON.stringify(message)));
    else setImmediate(() => this.#refuse(number, trouble));
    return number;
  }

  send(kind: MessageKind, instance: number, payload?: Uint8Array): void {
    if (this.#listeners.has(instance)) send(this.#around.input, kind, instance, payload);
  }

  /** Ends all of it, since this instance cannot be ended alone. */
  kill(culprit: number): void {
    this.#culprit ??= culprit;
    this.#around.signal("kill");
  }

  async close(): Promise<void> {
    this.#isClosing = true;
    if (this.#idle !== null) clearTimeout(this.#idle);
    await this.#around.close();
    await this.gone;
  }

  #receive({ kind, instance, payload }: Message): void {
    if (kind === MESSAGE.loaded) {
      const { trouble } = JSON.parse(payload.toString()) as LoadedMessage;
      this.#isLoaded = true;
      this.#trouble = trouble;
      this.#onLoaded();
      if (trouble !== null) for (const number of this.#listeners.keys()) this.#refuse(number, trouble);
      return;
    }
    const listener = this.#listeners.get(instance);
    switch (kind) {
      case MESSAGE.output:
        listener?.onOutput(payload);
        return;
      case MESSAGE.errors:
        listener?.onErrors(payload);
        return;
      case MESSAGE.taken:
        listener?.onTaken(payload.readUInt32BE(0));
        return;
      case MESSAGE.usage:
        listener?.onUsage(JSON.parse(payload.toString()) as UsageMessage);
        return;
      case MESSAGE.ended: {
        const { exitCode, signal, outOfMemory, ...usage } = JSON.parse(payload.toString()) as EndedMessage;
        this.#over(instance, { exitCode, signal, outOfMemory, runtimeError: null }, usage);
        return;
      }
      default:
        throw new Error(`a message of kind ${kind}`);
    }
  }

  #refuse(instance: number, trouble: string): void {
    this.#listeners.get(instance)?.onTrouble(trouble);
    this.#over(instance, { exitCode: 1, signal: null, outOfMemory: false, runtimeError: null }, null);
  }

  #over(instance: number, ending: Ending, usage: UsageMessage | null): void {
    const listener = this.#listeners.get(instance);
    this.#listeners.delete(instance);
    listener?.onEnded(ending, usage);
    if (this.#listeners.size + this.#reserved > 0) return;
    this.#idle = setTimeout(() => void this.close(), IDLE_MS);
    this.#idle.unref();
  }

  async #end(): Promise<void> {
    const ending = await this.#around.ended;
    this.#isGone = true;
    this.#onLoaded();
    this.#onGone();
    // With it its instances: which of them did it, nobody can tell, unless we ended it because of one.
    const complaint = this.#complaint.text.trim();
    const outOfMemory = ending.outOfMemory || SAYS_OUT_OF_MEMORY.test(complaint);
    const runtimeError = ending.runtimeError ?? (this.#isLoaded || outOfMemory ? null : complaint || null);
    const told = {
      ...ending,
      outOfMemory,
      exitCode: ending.exitCode || null,
      signal: ending.signal ?? "SIGKILL",
      runtimeError,
    };
    for (const number of this.#listeners.keys()) {
      const isInnocent = this.#culprit !== null && this.#culprit !== number;
      this.#over(number, isInnocent ? { ...told, runtimeError: ENDED_FOR_ANOTHER } : told, null);
    }
    await this.#around.close();
  }
}

/** Of the whole process: a second wall, should a guest get out of WebAssembly. */
function processLimits(limits: Limits): Limits {
  const each = limits.memoryBytes + heapMiB(limits) * MIB;
  return {
    ...limits,
    memoryBytes: PROCESS_BYTES + INSTANCES_MAX * each,
    processes: PROCESS_THREADS,
    openFiles: PROCESS_FILES,
    cpus: INSTANCES_MAX * limits.cpus + 1,
  };
}

/** Of V8, for tables and garbage-collected objects of one instance. */
function heapMiB(limits: Limits): number {
  return Math.max(32, Math.floor(limits.memoryBytes / MIB / 4));
}
