import { constants } from "node:os";
import type { Duplex, Readable, Writable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";

import type { Protection, Usage } from "../../../domain/outcome.ts";
import { isObject, messageOf } from "../../../domain/unknown.ts";
import { cgroupOfProcess } from "../../cgroup/cgroup-of-process.ts";
import type { Ending, Sandbox } from "../../driver.ts";
import { startOf } from "../process-tree.ts";
import { demultiplex } from "./demultiplex.ts";
import type { Engine } from "./engine.ts";
import type { EngineEvents } from "./engine-events.ts";
import { CgroupMeter, StatsMeter } from "./meter.ts";
import type { Meter } from "./meter.ts";

/** Between two looks whether the kernel has ended a process for its memory, milliseconds. */
const OOM_LOOK_MS = 100;
/** The engine tells who sent a signal on another connection than what came of it: milliseconds. */
const EVENT_WAIT_MS = 50;
/** Shells report a command that signal n ended as 128 + n, and so do engines. */
const SIGNAL_BASE = 128;

export interface SandboxParts {
  readonly id: string;
  readonly runtime: Sandbox["runtime"];
  readonly protections: readonly Protection[];
  readonly engine: Engine;
  readonly events: EngineEvents;
  /** Id of a container that was started. */
  readonly container: string;
  /** The container's streams. */
  readonly connection: Duplex;
  /** The engine's processes are processes of this machine. */
  readonly isLocal: boolean;
  /** Removes the container and all else; called once, when it has ended. */
  readonly release: () => Promise<void>;
}

/** A sandbox that is a container of an engine. */
export class DockerSandbox implements Sandbox {
  readonly id: string;
  readonly runtime: Sandbox["runtime"];
  readonly protections: readonly Protection[];
  readonly input: Writable;
  readonly output: Readable;
  readonly errors: Readable;
  readonly ended: Promise<Ending>;
  readonly #parts: SandboxParts;
  readonly #sent = new Set<number>();
  #meter: Meter;
  readonly #found: Promise<void>;
  #init: { readonly pid: number; readonly start: string | null } | null = null;
  #timer: NodeJS.Timeout | null = null;
  #outOfMemory = false;
  /** A signal that we did not ask for, by its number. */
  #foreignSignal: number | null = null;
  #closed: Promise<void> | null = null;

  constructor(parts: SandboxParts) {
    const { connection, engine, events, container } = parts;
    this.id = parts.id;
    this.runtime = parts.runtime;
    this.protections = parts.protections;
    this.#parts = parts;
    this.input = connection;
    connection.on("error", () => {});
    const { output, errors } = demultiplex(connection);
    this.output = output;
    this.errors = errors;
    this.#meter = new StatsMeter(engine, container);
    events.listen(container, {
      onOutOfMemory: () => {
        this.#onOutOfMemory();
      },
      onSignal: (number) => {
        if (!this.#sent.has(number)) this.#foreignSignal = number;
      },
    });
    this.#found = parts.isLocal ? this.#findProcess() : Promise.resolve();
    this.ended = this.#end();
  }

  /** Of its init, as a process of this machine; null: it is none, or has ended. */
  async hostPid(): Promise<number | null> {
    await this.#found;
    return this.#init?.pid ?? null;
  }

  signal(how: "terminate" | "kill"): void {
    const name = how === "kill" ? "SIGKILL" : "SIGTERM";
    this.#sent.add(constants.signals[name]);
    const path = `/containers/${this.#parts.container}/kill`;
    // One that has ended cannot be signalled; one whose engine is gone is ended by `#end`.
    this.#parts.engine.ask("POST", path, { query: { signal: name } }).catch(() => {});
  }

  usage(): Promise<Usage> {
    return this.#meter.usage();
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    await this.#meter.usage();
    this.#sent.add(constants.signals.SIGKILL);
    await this.#parts.release();
    await this.ended;
    this.input.destroy();
    this.output.destroy();
    this.errors.destroy();
  }

  async #findProcess(): Promise<void> {
    const { engine, container } = this.#parts;
    const pid = numberOf((await stateOf(engine, container).catch(() => null))?.["Pid"]);
    // The engine may be on another machine, or in another pid namespace: its number is another process here then.
    const cgroup = pid === null || pid === 0 ? null : cgroupOfProcess(pid, container);
    if (pid === null || cgroup === null) return;
    this.#init = { pid, start: startOf(pid) };
    const meter = new CgroupMeter(cgroup);
    this.#meter = meter;
    this.#timer = setInterval(() => {
      void meter.usage();
      if (meter.outOfMemory()) this.#onOutOfMemory();
    }, OOM_LOOK_MS);
    this.#timer.unref();
  }

  /** The kernel ends one process; the others could wait for it for ever. */
  #onOutOfMemory(): void {
    if (this.#outOfMemory) return;
    this.#outOfMemory = true;
    this.signal("kill");
  }

  async #end(): Promise<Ending> {
    const { engine, events, container } = this.#parts;
    try {
      const path = `/containers/${container}/wait`;
      const query = { condition: "not-running" };
      const answer = await engine.ask("POST", path, { query, timeoutMs: Infinity });
      const status = isObject(answer) ? numberOf(answer["StatusCode"]) : null;
      return await this.#judge(status);
    } catch (error) {
      this.#killProcess();
      return this.#ending({ runtimeError: `the engine was lost: ${messageOf(error)}` });
    } finally {
      if (this.#timer !== null) clearInterval(this.#timer);
      events.forget(container);
    }
  }

  async #judge(status: number | null): Promise<Ending> {
    const { engine, container } = this.#parts;
    const state = await stateOf(engine, container).catch(() => null);
    this.#outOfMemory ||= state?.["OOMKilled"] === true;
    if (status === null) return this.#ending({ runtimeError: "the engine did not say how the container ended" });
    const signal = signalOf(status);
    if (signal === null) return this.#ending({ exitCode: status });
    if (this.#isByUs(signal) || this.#outOfMemory) return this.#ending({ signal });
    await delay(EVENT_WAIT_MS);
    if (this.#foreignSignal === null) return this.#ending({ signal });
    const runtimeError = `somebody else than its guest ended the container (signal ${this.#foreignSignal} by the engine)`;
    return this.#ending({ runtimeError });
  }

  #isByUs(signal: string): boolean {
    return this.#sent.has(constants.signals[signal as NodeJS.Signals]);
  }

  #ending(how: Partial<Ending>): Ending {
    return {
      exitCode: null,
      signal: null,
      runtimeError: null,
      ...how,
      outOfMemory: this.#outOfMemory,
    };
  }

  /** The engine is gone, and with it every other way to end what it runs. */
  #killProcess(): void {
    if (this.#init === null || startOf(this.#init.pid) !== this.#init.start) return;
    try {
      process.kill(this.#init.pid, "SIGKILL");
    } catch {
      // It is gone, or not ours to end: the engine ends it when it is back.
    }
  }
}

async function stateOf(
  engine: Engine,
  container: string,
): Promise<Readonly<Record<string, unknown>> | null> {
  const answer = await engine.ask("GET", `/containers/${container}/json`);
  return isObject(answer) && isObject(answer["State"]) ? answer["State"] : null;
}

function numberOf(value: unknown): number | null {
  return typeof value === "number" ? value : null;
}

function signalOf(status: number): string | null {
  const number = status - SIGNAL_BASE;
  return Object.entries(constants.signals).find(([, value]) => value === number)?.[0] ?? null;
}
