import { randomBytes } from "node:crypto";
import type { Readable, Writable } from "node:stream";
import { setTimeout as wait } from "node:timers/promises";

import type { Protection, Usage } from "../../../domain/outcome.ts";
import { messageOf } from "../../../domain/unknown.ts";
import type { Ending, Sandbox } from "../../driver.ts";
import { within } from "../../within.ts";
import type { Meter } from "../meter.ts";
import { isAlive } from "../process-tree.ts";
import { endOfStatus } from "../signals.ts";
import { untilGone } from "../until-gone.ts";
import { explainFailedMachine } from "./explain-failure.ts";
import type { MicrovmHost } from "./host.ts";
import { Init } from "./init.ts";
import type { InitFile } from "./init.ts";
import type { MachineEnd, RunningMachine } from "./monitor.ts";
import { UntilMark } from "./until-mark.ts";
import { SEED_BYTES } from "./wake-program.ts";

/** Between two looks whether what the guest printed before its end still comes: on a busy host an emulated machine may rest for long. */
const LATE_MS = 30_000;
/** From the end of a monitor until what its machine's init said last was read. */
const LAST_WORDS_MS = 500;
/** Who asks waits no longer than a tenth of a second. */
const USAGE_WAIT_MS = 60;

/** Between two looks whether a guest has done anything, how many have to find nothing, and what this may take in all. */
const IDLE_LOOK_MS = 50;
const IDLE_LOOKS = 3;
const IDLE_WAIT_MS = 5000;

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
  /** Of a machine that is restored, with its guest in it: what that had printed before, as output and as errors. */
  readonly printed?: readonly [Buffer, Buffer];
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
  /**
   * Resolves with why a restored guest may not be used. Null: it may, its machine runs, has the time, and random numbers of
   * its own; or it was not restored.
   */
  readonly whyNotOn: Promise<string | null>;
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
    this.#init = new Init(machine.control, parts.printed !== undefined, machine.wake);
    this.whyNotOn = parts.printed === undefined ? Promise.resolve(null) : this.#goOn(parts.printed);
    if (parts.printed === undefined) this.#begin();
    meter.start(machine.pid, () => {
      this.signal("kill");
    });
    const timer = setTimeout(() => {
      this.#bootTimedOut = true;
      this.#killAll();
    }, parts.bootMs);
    const begun = parts.printed === undefined ? this.#init.started : this.whyNotOn;
    void begun.then(() => {
      clearTimeout(timer);
      return null;
    });
    void this.#init.ended.then(() => this.#finish());
    this.ended = this.#end(timer);
  }

  /** It was ended because its guest was not started in time. */
  get bootTimedOut(): boolean {
    return this.#bootTimedOut;
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
      ...(machine.wake === undefined ? [] : [machine.wake]),
      this.input,
      machine.output,
      machine.errors,
      this.output,
      this.errors,
    ])
      stream.destroy();
    await this.#parts.release();
  }

  /**
   * Resolves when the guest does nothing any more: a machine that is saved then has all that the guest prepares for its
   * next run, and those that go on from there do not do it again, each in memory of its own.
   */
  async idle(): Promise<void> {
    const deadlineMs = performance.now() + IDLE_WAIT_MS;
    for (let still = 0, seen: number | null = null; still < IDLE_LOOKS && performance.now() < deadlineMs;) {
      await wait(IDLE_LOOK_MS);
      await within(Math.max(0, deadlineMs - performance.now()), this.#init.usage(), null);
      const now = this.#init.lastCpuMicroseconds;
      still = now === seen ? still + 1 : 0;
      seen = now;
    }
  }

  /** Stops the machine and saves it, which is its end. @throws Error it cannot be saved */
  save(): Promise<void> {
    return this.#parts.machine.save();
  }

  async #goOn(printed: readonly [Buffer, Buffer]): Promise<string | null> {
    const { machine, bootMs } = this.#parts;
    const restore = async (): Promise<string | null> => {
      await machine.restored;
      this.#init.wake(Date.now(), randomBytes(SEED_BYTES));
      return (await this.#init.seeded) ? null : "its kernel took no new seed for its random numbers";
    };
    const failed = async (error: unknown): Promise<string> => {
      // Which says more, if it has anything to say.
      const end = await within(LAST_WORDS_MS, machine.ended, null);
      return [messageOf(error), end?.complaint].filter(Boolean).join(": ");
    };
    const ended = machine.ended.then(({ complaint }) =>
      this.#bootTimedOut
        ? `it did not within ${bootMs} ms`
        : ["its monitor ended", complaint].filter(Boolean).join(": "),
    );
    const why = await Promise.race([restore().catch(failed), ended]);
    if (why === null) for (const [index, bytes] of printed.entries()) this.#streams[index]?.write(bytes);
    return why;
  }

  /** All at once: the machine takes it when it is there. */
  #begin(): void {
    const { setup, files, closing, mark, relayed } = this.#parts;
    this.#init.wake(Date.now(), randomBytes(SEED_BYTES));
    this.#init.send(setup);
    this.#init.setUp();
    this.#init.send(files);
    this.#init.send(closing);
    this.#init.setUp();
    this.#init.start(mark, relayed);
  }

  /** The guest has ended: what it has printed has to come, then the machine can go. */
  async #finish(): Promise<void> {
    for (const stream of this.#streams) stream.takeAll();
    const all = Promise.all(this.#streams.map((stream) => stream.marked));
    const over = Promise.race([all, this.#parts.machine.ended]).then(() => true);
    for (let seen = -1, now = 0; seen !== now && !(await within(LATE_MS, over, false));) {
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
    await within(LAST_WORDS_MS, this.#init.closed, null);
    await untilGone(
      () => (meter.pids() ?? []).some(isAlive),
      () => {
        this.#killAll();
      },
    );
    meter.stop();
    return this.#judge(end);
  }

  #judge(end: MachineEnd): Ending {
    const { meter, machine, host, bootMs } = this.#parts;
    const { ending, failure, isStarted } = this.#init;
    const outOfMemory =
      meter.outOfMemory() || (ending?.killedForMemory ?? 0) > 0 || this.#init.killedForMemory > 0;
    const nothing: Ending = { exitCode: null, signal: null, outOfMemory, runtimeError: null };
    const isCut = ending !== null && !this.#killed && this.#streams.some(({ isMarked }) => !isMarked);
    if (ending !== null && !isCut) return { ...nothing, ...endOfStatus(ending.code) };
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
        isCut,
        console: machine.console(),
        timedOutMs: this.#bootTimedOut ? bootMs : null,
        cpuMs: meter.usage().cpuMs,
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
