import { Readable, Writable } from "node:stream";

import type { Protection, Usage } from "../../../domain/outcome.ts";
import type { Ending, Sandbox } from "../../driver.ts";
import { FRAME, encodeFrame } from "../../frames.ts";
import type { InstancesProcess } from "./instances-process.ts";
import { MESSAGE, WINDOW_BYTES, number32 } from "./process/channel.ts";
import type { OpenMessage, UsageMessage } from "./process/channel.ts";

/** How long a process has to end one of its instances; then it is ended with all of them. */
const KILL_WAIT_MS = 1000;
const USAGE_WAIT_MS = 200;

export interface WasmSandboxParts {
  readonly id: string;
  readonly version: string;
  readonly protections: readonly Protection[];
  readonly process: InstancesProcess;
  readonly message: OpenMessage;
  /** It speaks the guest protocol, by which it is told that its module cannot be run. */
  readonly speaksProtocol: boolean;
}

/** One instance of a module. */
export class WasmSandbox implements Sandbox {
  readonly id: string;
  readonly runtime: Sandbox["runtime"];
  readonly protections: readonly Protection[];
  readonly input: Writable;
  readonly output: Readable;
  readonly errors: Readable;
  readonly ended: Promise<Ending>;
  readonly #process: InstancesProcess;
  readonly #number: number;
  #signal: "SIGTERM" | "SIGKILL" | null = null;
  #isOver = false;
  #usage: Usage = { cpuMs: null, peakMemoryBytes: null };
  #onUsage: (() => void) | null = null;
  /** Bytes of input that the process still takes, and who waits for more. */
  #room = WINDOW_BYTES;
  #onRoom: (() => void) | null = null;
  /** Bytes of each stream that came and were not asked for again. */
  #outputOwed = 0;
  #errorsOwed = 0;

  constructor({ id, version, protections, process, message, speaksProtocol }: WasmSandboxParts) {
    this.id = id;
    this.runtime = { driver: "wasm", version };
    this.protections = protections;
    this.#process = process;
    this.output = new Readable({
      highWaterMark: WINDOW_BYTES / 2,
      read: () => {
        this.#outputOwed = this.#askForMore(this.#outputOwed, 0);
      },
    });
    this.errors = new Readable({
      highWaterMark: WINDOW_BYTES / 2,
      read: () => {
        this.#errorsOwed = this.#askForMore(0, this.#errorsOwed);
      },
    });
    this.input = this.#makeInput();
    let end: (ending: Ending) => void = () => {};
    this.ended = new Promise((resolve) => {
      end = resolve;
    });
    this.#number = process.open(message, {
      onOutput: (bytes) => {
        this.#outputOwed += bytes.length;
        if (this.#isAsked(this.#outputOwed)) this.output.push(bytes);
      },
      onErrors: (bytes) => {
        this.#errorsOwed += bytes.length;
        if (this.#isAsked(this.#errorsOwed)) this.errors.push(bytes);
      },
      onTaken: (bytes) => {
        this.#room += bytes;
        this.#onRoom?.();
      },
      onUsage: (usage) => {
        this.#measure(usage);
      },
      onTrouble: (trouble) => {
        if (speaksProtocol) for (const part of loadFailure(trouble)) this.output.push(part);
        else this.errors.push(Buffer.from(`${trouble}\n`));
      },
      onEnded: (ending, usage) => {
        this.#isOver = true;
        if (usage !== null) this.#measure(usage);
        this.#onUsage?.();
        this.#onRoom?.();
        this.output.push(null);
        this.errors.push(null);
        end(
          this.#signal === null || ending.outOfMemory
            ? ending
            : { ...ending, exitCode: null, signal: this.#signal },
        );
      },
    });
  }

  /** A module cannot be asked: it has no signals. Both end it. */
  signal(how: "terminate" | "kill"): void {
    if (this.#isOver) return;
    this.#signal = how === "kill" ? "SIGKILL" : (this.#signal ?? "SIGTERM");
    this.#process.send(MESSAGE.kill, this.#number);
    const timer = setTimeout(() => {
      if (!this.#isOver) this.#process.kill(this.#number);
    }, KILL_WAIT_MS);
    timer.unref();
  }

  async usage(): Promise<Usage> {
    if (this.#isOver) return this.#usage;
    const told = new Promise<void>((resolve) => {
      this.#onUsage = resolve;
      setTimeout(resolve, USAGE_WAIT_MS).unref();
    });
    this.#process.send(MESSAGE.usage, this.#number);
    await told;
    return this.#usage;
  }

  async close(): Promise<void> {
    this.signal("kill");
    await this.ended;
    for (const stream of [this.input, this.output, this.errors]) stream.destroy();
  }

  #measure({ cpuMs, memoryBytes }: UsageMessage): void {
    this.#usage = {
      cpuMs: Math.max(this.#usage.cpuMs ?? 0, cpuMs),
      peakMemoryBytes: Math.max(this.#usage.peakMemoryBytes ?? 0, memoryBytes),
    };
    this.#onUsage?.();
  }

  /** False: no process of ours says more than it was asked for, and than a ring holds at its end. */
  #isAsked(owed: number): boolean {
    if (owed <= 2 * WINDOW_BYTES) return true;
    this.#process.kill(this.#number);
    return false;
  }

  #askForMore(output: number, errors: number): 0 {
    if (output + errors > 0 && !this.#isOver)
      this.#process.send(MESSAGE.read, this.#number, number32(output, errors));
    return 0;
  }

  #makeInput(): Writable {
    const input = new Writable({
      highWaterMark: WINDOW_BYTES,
      write: (chunk: Buffer, _encoding, callback) => {
        this.#write(chunk, callback);
      },
      final: (callback) => {
        this.#process.send(MESSAGE.inputEnd, this.#number);
        callback();
      },
    });
    input.on("error", () => {});
    return input;
  }

  #write(chunk: Buffer, callback: () => void): void {
    this.#onRoom = null;
    const part = chunk.subarray(0, this.#room);
    if (part.length > 0) this.#process.send(MESSAGE.input, this.#number, part);
    this.#room -= part.length;
    if (part.length === chunk.length || this.#isOver) callback();
    else this.#onRoom = () => this.#write(chunk.subarray(part.length), callback);
  }
}

function loadFailure(message: string): readonly Uint8Array[] {
  const failed = { type: "", message, stack: "", reason: "load" };
  return encodeFrame(FRAME.failed, 0, Buffer.from(JSON.stringify(failed)));
}
