import { constants } from "node:os";
import type { Readable, Writable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";

import type { Protection, Usage } from "../../../domain/outcome.ts";
import { isObject, messageOf } from "../../../domain/unknown.ts";
import type { Ending, Sandbox } from "../../driver.ts";
import { signalOfStatus } from "../signals.ts";
import type { Attached } from "./attach-streams.ts";
import { demultiplex } from "./demultiplex.ts";
import type { Engine } from "./engine.ts";
import type { EngineEvents } from "./engine-events.ts";
import type { Meter } from "./meter.ts";
import { waitUntilEnded } from "./wait-until-ended.ts";

/** Between two looks whether the kernel has ended a process for its memory, milliseconds. */
const OOM_LOOK_MS = 100;
/** The engine tells who sent a signal on another connection than what came of it: milliseconds. */
const EVENT_WAIT_MS = 50;

export interface SandboxParts {
  readonly id: string;
  readonly runtime: Sandbox["runtime"];
  readonly protections: readonly Protection[];
  readonly engine: Engine;
  readonly events: EngineEvents;
  /** Id of a container that was started. */
  readonly container: string;
  readonly streams: Attached;
  readonly isPodman: boolean;
  readonly meter: Meter;
  /** Removes the container and all else; called once, when it has ended. */
  readonly release: () => Promise<void>;
}

/** A sandbox that is a container of an engine. */
export class DockerSandbox implements Sandbox {
  readonly id: string;
  /** The engine's id. */
  readonly container: string;
  readonly runtime: Sandbox["runtime"];
  readonly protections: readonly Protection[];
  readonly input: Writable;
  readonly output: Readable;
  readonly errors: Readable;
  readonly ended: Promise<Ending>;
  readonly #parts: SandboxParts;
  readonly #sent = new Set<number>();
  readonly #meter: Meter;
  readonly #timer: NodeJS.Timeout;
  #outOfMemory = false;
  /** A signal that we did not ask for, by its number. */
  #foreignSignal: number | null = null;
  #closed: Promise<void> | null = null;

  constructor(parts: SandboxParts) {
    const { streams, events, container, meter } = parts;
    this.id = parts.id;
    this.container = container;
    this.runtime = parts.runtime;
    this.protections = parts.protections;
    this.#parts = parts;
    this.input = streams.input;
    for (const stream of [streams.input, streams.output]) stream.on("error", () => {});
    const { output, errors } = demultiplex(streams.output);
    this.output = output;
    this.errors = errors;
    this.#meter = meter;
    this.#timer = setInterval(() => {
      this.#look();
    }, OOM_LOOK_MS);
    this.#timer.unref();
    this.#look();
    // The last moment that it can be measured in: what it was goes with it.
    streams.output.once("end", () => {
      this.#look();
    });
    events.listen(container, {
      onOutOfMemory: () => {
        this.#onOutOfMemory();
      },
      onSignal: (number) => {
        if (!this.#sent.has(number)) this.#foreignSignal = number;
      },
    });
    this.ended = this.#end();
  }

  signal(how: "terminate" | "kill"): void {
    const name = how === "kill" ? "SIGKILL" : "SIGTERM";
    this.#sent.add(constants.signals[name]);
    if (how === "kill") this.#meter.kill();
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
    this.#meter.kill();
    try {
      await this.#parts.release();
      await this.ended;
    } finally {
      this.input.destroy();
      this.#parts.streams.output.destroy();
      this.output.destroy();
      this.errors.destroy();
    }
  }

  #look(): void {
    this.#meter.look();
    if (this.#meter.outOfMemory()) this.#onOutOfMemory();
  }

  /** The kernel ends one process; the others could wait for it for ever. */
  #onOutOfMemory(): void {
    if (this.#outOfMemory) return;
    this.#outOfMemory = true;
    this.signal("kill");
  }

  async #end(): Promise<Ending> {
    const { engine, events, container, isPodman } = this.#parts;
    try {
      const status = await waitUntilEnded(engine, container, isPodman);
      return await this.#judge(status);
    } catch (error) {
      // With it went every other way to end what it runs.
      this.#meter.kill();
      return this.#ending({ runtimeError: `the engine was lost: ${messageOf(error)}` });
    } finally {
      clearInterval(this.#timer);
      events.forget(container);
    }
  }

  async #judge(status: number | null): Promise<Ending> {
    const { engine, container } = this.#parts;
    const state = await stateOf(engine, container).catch(() => null);
    this.#outOfMemory ||= state?.["OOMKilled"] === true;
    if (status === null)
      return this.#ending({ runtimeError: "the engine did not say how the container ended" });
    const signal = signalOfStatus(status);
    if (signal !== null && (this.#isByUs(signal) || this.#outOfMemory)) return this.#ending({ signal });
    // A guest that was asked to end may take its time, and end with a status of its own: by then it is known who asked.
    if (signal !== null) await delay(EVENT_WAIT_MS);
    if (this.#foreignSignal === null)
      return this.#ending(signal === null ? { exitCode: status } : { signal });
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
}

/** As the engine tells it, Engine API `ContainerState`; null: it told nothing. @throws EngineError */
export async function stateOf(
  engine: Engine,
  container: string,
): Promise<Readonly<Record<string, unknown>> | null> {
  const answer = await engine.ask("GET", `/containers/${container}/json`);
  return isObject(answer) && isObject(answer["State"]) ? answer["State"] : null;
}
