import { randomBytes } from "node:crypto";
import type { Readable, Writable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";

import type { Protection, Usage } from "../../../domain/outcome.ts";
import type { Ending, Sandbox } from "../../driver.ts";
import { within } from "../../within.ts";
import type { Meter } from "../meter.ts";
import { isAlive } from "../process-tree.ts";
import { SIGNAL_BASE, signalName } from "../signals.ts";
import { explainFailedMachine } from "./explain-failure.ts";
import type { MicrovmHost } from "./host.ts";
import { Init } from "./init.ts";
import type { InitFile } from "./init.ts";
import type { MachineEnd, RunningMachine } from "./monitor.ts";
import { UntilMark } from "./until-mark.ts";

/** Between two looks whether what the guest printed before its end still comes, milliseconds. */
const LATE_MS = 500;
const USAGE_WAIT_MS = 250;
const LOOK_MS = 1;
const LOOK_MAX_MS = 20;
const SEED_BYTES = 64;

export interface MicrovmSandboxParts {
  readonly id: string;
  readonly host: MicrovmHost;
  readonly machine: RunningMachine;
  /** Of the monitor's processes. */
  readonly meter: Meter;
  /** From now until the guest has to be started. */
  readonly bootMs: number;
  /** Ends what the guest prints. */
  readonly mark: string;
  readonly relayed: boolean;
  readonly setup: readonly InitFile[];
  /** Placed after the set-up. */
  readonly files: readonly InitFile[];
  readonly closing: readonly InitFile[];
  /** Called once, when all is over. */
  readonly release: () => Promise<void>;
}

/**
 * A guest in a machine of its own. The guest's streams are devices, its end is told by the machine's init, and the end
 * of the monitor is the end of everything.
 */
export class MicrovmSandbox implements Sandbox {
  readonly id: string;
  readonly runtime: Sandbox["runtime"];
  readonly protections: readonly Protection[];
  readonly input: Writable;
  readonly output: Readable;
  readonly errors: Readable;
  readonly ended: Promise<Ending>;
  readonly #parts: MicrovmSandboxParts;
  readonly #init: Init;
  readonly #streams: readonly UntilMark[];
  #killed = false;
  #bootTimedOut = false;
  #closed: Promise<void> | null = null;

  constructor(parts: MicrovmSandboxParts) {
    const { host, machine, meter, mark } = parts;
    this.id = parts.id;
    this.runtime = { driver: "microvm", version: host.version };
    this.protections = host.protections;
    this.#parts = parts;
    this.input = machine.input;
    const [output, errors] = [new UntilMark(mark), new UntilMark(mark)];
    this.output = machine.output.pipe(output);
    this.errors = machine.errors.pipe(errors);
    this.#streams = [output, errors];
    this.#init = new Init(machine.control);
    meter.start(machine.pid, () => {
      this.signal("kill");
    });
    const timer = setTimeout(() => {
      this.#bootTimedOut = true;
      this.#killAll();
    }, parts.bootMs);
    void this.#init.started.then(() => {
      clearTimeout(timer);
      return null;
    });
    void this.#init.ended.then(() => this.#finish());
    this.ended = this.#end(timer);
    this.#begin();
  }

  signal(how: "terminate" | "kill"): void {
    if (how === "kill") {
      this.#killed = true;
      this.#killAll();
    } else this.#init.terminate();
  }

  /** Processor time of the monitor, which is all that it costs; memory as the machine's kernel counts the guest's. */
  async usage(): Promise<Usage> {
    const { cpuMs } = this.#parts.meter.usage();
    const peakMemoryBytes = await within(USAGE_WAIT_MS, this.#init.usage(), this.#init.lastPeakBytes);
    return { cpuMs, peakMemoryBytes };
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    this.signal("kill");
    await this.ended;
    const { machine } = this.#parts;
    for (const stream of [
      machine.control,
      this.input,
      machine.output,
      machine.errors,
      this.output,
      this.errors,
    ])
      stream.destroy();
    await this.#parts.release();
  }

  /** All at once: the machine takes it when it is there. */
  #begin(): void {
    const { setup, files, closing, mark, relayed } = this.#parts;
    this.#init.setTime(Date.now());
    this.#init.seed(randomBytes(SEED_BYTES));
    this.#init.send(setup);
    this.#init.setUp();
    this.#init.send(files);
    this.#init.send(closing);
    this.#init.setUp();
    this.#init.start(mark, relayed);
  }

  /** The guest has ended: what it has printed has to come, then the machine can go. */
  async #finish(): Promise<void> {
    const all = Promise.all(this.#streams.map((stream) => stream.marked)).then(() => true);
    for (let seen = -1, now = 0; seen !== now && !(await within(LATE_MS, all, false));) {
      seen = now;
      now = this.#streams.reduce((sum, stream) => sum + stream.receivedBytes, 0);
    }
    this.#killAll();
  }

  async #end(timer: NodeJS.Timeout): Promise<Ending> {
    const { machine, meter } = this.#parts;
    const end = await machine.ended;
    clearTimeout(timer);
    // What the init said last may still be in the pipe.
    await within(LATE_MS, this.#init.closed, null);
    for (
      let waitMs = LOOK_MS;
      (meter.pids() ?? []).some(isAlive);
      waitMs = Math.min(LOOK_MAX_MS, waitMs * 2)
    ) {
      this.#killAll();
      await delay(waitMs);
    }
    meter.stop();
    return this.#judge(end);
  }

  #judge(end: MachineEnd): Ending {
    const { meter, machine, host, bootMs } = this.#parts;
    const { ending, failure, isStarted } = this.#init;
    const outOfMemory =
      meter.outOfMemory() || (ending?.killedForMemory ?? 0) > 0 || this.#init.killedForMemory > 0;
    const nothing: Ending = { exitCode: null, signal: null, outOfMemory, runtimeError: null };
    if (ending !== null) {
      const name = signalName(ending.code - SIGNAL_BASE);
      return name === null ? { ...nothing, exitCode: ending.code } : { ...nothing, signal: name };
    }
    if (this.#killed || outOfMemory) return { ...nothing, signal: "SIGKILL" };
    // It ended by itself with the guest in it: its kernel panicked, or was made to.
    if (isStarted && end.signal === null && end.exitCode === 0) return { ...nothing, signal: "SIGKILL" };
    return {
      ...nothing,
      runtimeError: explainFailedMachine({
        end,
        failure,
        isBooted: this.#init.isBooted,
        isStarted,
        console: machine.console(),
        timedOutMs: this.#bootTimedOut ? bootMs : null,
        monitor: host.monitor.version,
        stateDirectory: host.stateDirectory,
        name: this.id,
      }),
    };
  }

  #killAll(): void {
    this.#parts.machine.kill();
    this.#parts.meter.kill();
  }
}
