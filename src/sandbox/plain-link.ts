import type { Limits } from "../domain/limits.ts";
import { WhiskersError } from "../errors.ts";
import type { Sandbox } from "./driver.ts";
import type { Broken, Link, LinkState, Opened, RunEnd, RunWork } from "./link.ts";
import { LogCollector } from "./log-collector.ts";
import { onOutputEnd } from "./output-end.ts";
import { sendRaws } from "./send-raws.ts";

/**
 * The plain form (protocol/README.md): a program that reads its raw file from standard input, prints
 * records, and ends with status 0. It runs once.
 *
 *     idle ──raw, end of file──▶ running ──end of output and of the program──▶ ended
 *
 * It may have printed, and ended, before it is handed its raw file; what it printed is kept for `run`.
 */
export class PlainLink implements Link {
  readonly opened: Promise<Opened> = Promise.resolve({ kind: "ready", fork: false, models: null });
  readonly logs: LogCollector;
  onEnd: (() => void) | null = null;

  readonly #sandbox: Sandbox;
  readonly #limits: Limits;
  readonly #stopRaw = new AbortController();
  #state: LinkState = "idle";
  #work: RunWork | null = null;
  #resolveRun: (end: RunEnd) => void = () => {};
  /** Printed before `run`. */
  #early: Buffer[] = [];
  #outputEnded = false;
  #endedBy: RunEnd | null = null;
  #receivedBytes = 0;
  #answeredAtMs = 0;
  #handedOverAtMs = Infinity;

  constructor(sandbox: Sandbox, limits: Limits) {
    this.#sandbox = sandbox;
    this.#limits = limits;
    this.logs = new LogCollector(limits);
    sandbox.output.on("data", (chunk: Buffer) => {
      this.#onOutput(chunk);
    });
    sandbox.errors.on("data", (chunk: Buffer) => {
      this.#onErrors(chunk);
    });
    onOutputEnd(
      sandbox,
      () => this.#receivedBytes,
      () => {
        this.#outputEnded = true;
        if (this.#work !== null) void this.#conclude(this.#work);
      },
    );
  }

  get state(): LinkState {
    return this.#state;
  }

  get answeredAtMs(): number {
    return this.#answeredAtMs;
  }

  get handedOverAtMs(): number {
    return this.#handedOverAtMs;
  }

  run(work: RunWork): Promise<RunEnd> {
    if (this.#endedBy !== null) return Promise.resolve(this.#endedBy);
    if (this.#state !== "idle") throw new Error(`a run was handed to a program that is ${this.#state}`);
    this.#state = "running";
    this.#work = work;
    return new Promise((resolve) => {
      this.#resolveRun = resolve;
      for (const chunk of this.#early) this.#pass(chunk, work);
      this.#early = [];
      void this.#handOver(work);
      if (this.#outputEnded) void this.#conclude(work);
    });
  }

  end(): void {
    this.#end({ kind: "gone" });
  }

  async #handOver(work: RunWork): Promise<void> {
    const { input } = this.#sandbox;
    try {
      if (work.raws.length !== 1) {
        const message = `a program of the plain form takes exactly one raw file, not ${work.raws.length}`;
        throw new WhiskersError("usage", message);
      }
      const write = (piece: Buffer): void => {
        input.write(piece);
      };
      const end = (): void => {
        input.end();
        this.#handedOverAtMs = performance.now();
      };
      await sendRaws(work.raws, input, write, end, this.#stopRaw.signal);
    } catch (error) {
      this.#end({ kind: "thrown", error });
    }
  }

  #onOutput(chunk: Buffer): void {
    this.#receivedBytes += chunk.length;
    if (this.#state === "ended") return;
    if (this.#receivedBytes > this.#limits.outputBytes) {
      this.#end(tooMuch(`more than ${this.#limits.outputBytes} bytes of output`));
    } else if (this.#work === null) this.#early.push(chunk);
    else this.#pass(chunk, this.#work);
  }

  #pass(chunk: Buffer, work: RunWork): void {
    try {
      work.sink.pushPlain(chunk);
    } catch (error) {
      this.#end({ kind: "thrown", error });
    }
  }

  async #conclude(work: RunWork): Promise<void> {
    const ending = await this.#sandbox.ended;
    if (this.#state !== "running") return;
    this.#answeredAtMs = performance.now();
    if (ending.exitCode !== 0 || ending.outOfMemory || ending.runtimeError !== null) {
      this.#end({ kind: "gone" });
      return;
    }
    try {
      const records = work.sink.endPlain();
      const { records: most } = this.#limits;
      this.#end(
        records > most ? tooMuch(`${records} records; at most ${most} are allowed`) : { kind: "done" },
      );
    } catch (error) {
      this.#end({ kind: "thrown", error });
    }
  }

  #onErrors(chunk: Buffer): void {
    this.logs.pushErrors(chunk);
    if (!this.logs.flooded || this.#state === "ended") return;
    const message = `it printed more than ${this.#limits.logFloodBytes} bytes on standard error`;
    this.#end({ kind: "broken", code: "log-limit", message });
  }

  #end(end: RunEnd): void {
    if (this.#state === "ended") return;
    this.#state = "ended";
    this.#endedBy = end;
    this.#early = [];
    this.#stopRaw.abort();
    this.#resolveRun(end);
    this.onEnd?.();
  }
}

function tooMuch(message: string): Broken {
  return { kind: "broken", code: "output-limit", message };
}
