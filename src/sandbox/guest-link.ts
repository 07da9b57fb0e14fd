import type { Limits } from "../domain/limits.ts";
import { Malformed, parseDone, parseFailed, parseReady } from "./control-frames.ts";
import type { Sandbox } from "./driver.ts";
import { encodeFrame, FRAME, FrameDecoder, FrameError } from "./frames.ts";
import type { Frame, FrameKind } from "./frames.ts";
import type { Broken, Failed, Link, LinkState, Opened, RunEnd, RunWork } from "./link.ts";
import { LogCollector } from "./log-collector.ts";
import { onOutputEnd } from "./output-end.ts";
import { sendRaws } from "./send-raws.ts";

const PROTOCOL = 1;
const RUN_MAX = 0xffff_ffff;
const NEWLINE = 0x0a;
const EMPTY = Buffer.alloc(0);

/** How long a guest may take from its answer until it is ready again or has ended, milliseconds. */
const SETTLE_MS = 500;

const FRAME_NAMES: Readonly<Record<FrameKind, string>> = {
  [FRAME.run]: "run",
  [FRAME.raw]: "raw",
  [FRAME.debugIn]: "debug-in",
  [FRAME.ready]: "ready",
  [FRAME.records]: "records",
  [FRAME.log]: "log",
  [FRAME.done]: "done",
  [FRAME.failed]: "failed",
  [FRAME.debugOut]: "debug-out",
};

type Answer = { readonly kind: "done" } | Failed;

interface CurrentRun {
  readonly work: RunWork;
  readonly resolve: (end: RunEnd) => void;
  readonly stopRaws: AbortController;
  rawsSent: boolean;
  records: number;
  outputBytes: number;
  /** Set in `settling`. */
  answer: Answer | null;
}

/**
 * The host's side of the guest protocol (protocol/README.md) for one sandbox.
 *
 *               ready            run+raw…           done|failed           ready
 *     opening ─────────▶ idle ──────────────▶ running ──────────▶ settling ────────▶ idle
 *        │ failed(0)       │                     │ records, log ↺      │
 *        ▼                 ▼                     ▼                     ▼
 *      ended ◀── end of stream, any other frame, a broken rule or limit, end()
 *
 * A run is over when it has settled: until then a frame out of turn still makes it a failure. A
 * guest that answered and then neither gets ready nor ends keeps its answer and loses its sandbox.
 */
export class GuestLink implements Link {
  readonly opened: Promise<Opened>;
  onEnd: (() => void) | null = null;

  readonly #sandbox: Sandbox;
  readonly #limits: Limits;
  readonly #loadsLate: boolean;
  readonly #decoder: FrameDecoder;
  #state: LinkState = "opening";
  #logs: LogCollector;
  #resolveOpened: (opened: Opened) => void = () => {};
  #runNumber = 0;
  #current: CurrentRun | null = null;
  #receivedBytes = 0;
  #settleTimer: NodeJS.Timeout | null = null;
  #answeredAtMs = 0;
  #handedOverAtMs = Infinity;
  #endedBy: RunEnd | null = null;

  /** @param loadsLate its guest loads the normalizer in its first run, where that may fail */
  constructor(sandbox: Sandbox, limits: Limits, loadsLate = false) {
    this.#sandbox = sandbox;
    this.#limits = limits;
    this.#loadsLate = loadsLate;
    this.#decoder = new FrameDecoder("guest", limits.frameBytes);
    this.#logs = new LogCollector(limits);
    this.opened = new Promise((resolve) => {
      this.#resolveOpened = resolve;
    });
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
        this.#onOutputEnd();
      },
    );
  }

  get state(): LinkState {
    return this.#state;
  }

  get logs(): LogCollector {
    return this.#logs;
  }

  get answeredAtMs(): number {
    return this.#answeredAtMs;
  }

  get handedOverAtMs(): number {
    return this.#handedOverAtMs;
  }

  run(work: RunWork): Promise<RunEnd> {
    // It may have ended since it said that it was ready.
    if (this.#endedBy !== null) return Promise.resolve(this.#endedBy);
    if (this.#state !== "idle") throw new Error(`a run was handed to a guest that is ${this.#state}`);
    if (this.#runNumber > 0) this.#logs = new LogCollector(this.#limits);
    this.#runNumber = this.#runNumber === RUN_MAX ? 1 : this.#runNumber + 1;
    this.#state = "running";
    this.#handedOverAtMs = Infinity;
    return new Promise((resolve) => {
      const stopRaws = new AbortController();
      this.#current = { work, resolve, stopRaws, rawsSent: false, records: 0, outputBytes: 0, answer: null };
      void this.#handOver(this.#current);
    });
  }

  end(): void {
    this.#end({ kind: "gone" });
  }

  async #handOver(run: CurrentRun): Promise<void> {
    const { input } = this.#sandbox;
    const number = this.#runNumber;
    const write = (kind: FrameKind, payload: Buffer): void => {
      for (const part of encodeFrame(kind, number, payload)) input.write(part);
    };
    try {
      // One system call for the run and its small raw files together.
      input.cork();
      let sending: Promise<void>;
      try {
        write(FRAME.run, runPayload(run.work));
        sending = sendRaws(
          run.work.raws,
          input,
          (piece) => {
            write(FRAME.raw, piece);
          },
          () => {
            write(FRAME.raw, EMPTY);
            run.rawsSent = true;
            this.#handedOverAtMs = performance.now();
          },
          run.stopRaws.signal,
        );
      } finally {
        input.uncork();
      }
      await sending;
      run.work.debug?.attach((payload) => {
        if (this.#current === run && this.#state === "running") write(FRAME.debugIn, Buffer.from(payload));
      });
    } catch (error) {
      if (this.#current === run) this.#end({ kind: "thrown", error });
    }
  }

  #onOutput(chunk: Buffer): void {
    this.#receivedBytes += chunk.length;
    if (this.#hasEnded()) return;
    try {
      for (const frame of this.#decoder.push(chunk)) {
        this.#onFrame(frame);
        if (this.#hasEnded()) return;
      }
    } catch (error) {
      this.#end(error instanceof FrameError ? violation(error.message) : { kind: "thrown", error });
      return;
    }
    // Most guests are ready again in the same chunk: no timer for those.
    if (this.#state === "settling" && this.#settleTimer === null) {
      this.#settleTimer = setTimeout(() => {
        this.end();
      }, SETTLE_MS);
    }
  }

  #onFrame(frame: Frame): void {
    const expectedRun = frame.kind === FRAME.ready || this.#state === "opening" ? 0 : this.#runNumber;
    if (frame.run !== expectedRun) {
      this.#break(`a \`${FRAME_NAMES[frame.kind]}\` frame of run ${frame.run} instead of ${expectedRun}`);
      return;
    }
    switch (this.#state) {
      case "opening":
        this.#onOpeningFrame(frame);
        return;
      case "running":
        if (this.#current !== null) this.#onRunFrame(frame, this.#current);
        return;
      case "settling":
        if (this.#current !== null) this.#onSettlingFrame(frame, this.#current);
        return;
      case "idle":
        this.#break(outOfTurn(frame, "no run was under way"));
        return;
      case "ended":
        return;
    }
  }

  #onOpeningFrame(frame: Frame): void {
    if (frame.kind === FRAME.ready) {
      const ready = parseReady(frame.payload);
      if (ready instanceof Malformed) this.#breakMalformed(frame, ready);
      else if (ready.protocols === null) this.#break("the first `ready` names no `protocols`");
      else if (!ready.protocols.includes(PROTOCOL)) this.#end(noCommonProtocol(ready.protocols));
      else {
        this.#state = "idle";
        this.#resolveOpened({ kind: "ready", fork: ready.fork, models: ready.models });
      }
    } else if (frame.kind === FRAME.failed) {
      const failed = parseFailed(frame.payload, true);
      if (failed instanceof Malformed) this.#breakMalformed(frame, failed);
      else this.#end(failed);
    } else {
      this.#break(outOfTurn(frame, "it had not said that it is ready"));
    }
  }

  #onRunFrame(frame: Frame, run: CurrentRun): void {
    switch (frame.kind) {
      case FRAME.records:
        this.#onRecords(frame.payload, run);
        return;
      case FRAME.log:
        this.#onLog(frame.payload);
        return;
      case FRAME.done: {
        const done = parseDone(frame.payload);
        if (done instanceof Malformed) this.#breakMalformed(frame, done);
        else if (done.records !== null && done.records !== run.records) {
          this.#break(`\`done\` counts ${done.records} records, and ${run.records} arrived`);
        } else this.#answer({ kind: "done" }, run);
        return;
      }
      case FRAME.failed: {
        const failed = parseFailed(frame.payload, false, this.#loadsLate);
        if (failed instanceof Malformed) this.#breakMalformed(frame, failed);
        else this.#answer(failed, run);
        return;
      }
      case FRAME.debugOut:
        if (run.work.debug === undefined) this.#break(outOfTurn(frame, "nobody was debugging it"));
        else run.work.debug.receive(frame.payload);
        return;
      case FRAME.ready:
      case FRAME.run:
      case FRAME.raw:
      case FRAME.debugIn:
        this.#break(outOfTurn(frame, "a run was under way"));
        return;
    }
  }

  #onRecords(payload: Buffer, run: CurrentRun): void {
    if (payload.length === 0) {
      this.#break("an empty `records` frame");
      return;
    }
    run.outputBytes += payload.length;
    run.records += countLines(payload);
    if (run.outputBytes > this.#limits.outputBytes) {
      this.#end(tooMuch(`more than ${this.#limits.outputBytes} bytes of records`));
    } else if (run.records > this.#limits.records) {
      this.#end(tooMuch(`more than ${this.#limits.records} records`));
    } else {
      run.work.sink.push(payload);
    }
  }

  #onLog(payload: Buffer): void {
    if (payload.length === 0) {
      this.#break("an empty `log` frame");
      return;
    }
    this.#logs.pushFrame(payload);
    if (this.#logs.flooded) this.#end(this.#logFlood());
  }

  #answer(answer: Answer, run: CurrentRun): void {
    run.answer = answer;
    this.#answeredAtMs = performance.now();
    this.#state = "settling";
  }

  #onSettlingFrame(frame: Frame, run: CurrentRun): void {
    if (frame.kind === FRAME.debugOut && run.work.debug !== undefined) {
      // Its debugger runs beside it, and has more to tell.
      run.work.debug.receive(frame.payload);
      return;
    }
    if (frame.kind !== FRAME.ready) {
      this.#break(outOfTurn(frame, "it had answered already"));
      return;
    }
    const ready = parseReady(frame.payload);
    if (ready instanceof Malformed) this.#breakMalformed(frame, ready);
    else if (!run.rawsSent) this.#break("`ready` before it had read its raw files");
    else this.#settle(run);
  }

  #settle(run: CurrentRun): void {
    this.#clearSettleTimer();
    this.#current = null;
    this.#state = "idle";
    run.resolve(run.answer ?? { kind: "gone" });
  }

  #onErrors(chunk: Buffer): void {
    this.#logs.pushErrors(chunk);
    if (this.#logs.flooded && !this.#hasEnded()) this.#end(this.#logFlood());
  }

  #onOutputEnd(): void {
    if (this.#hasEnded()) return;
    this.#end({ kind: "gone" });
  }

  #break(message: string): void {
    this.#end(violation(message));
  }

  #breakMalformed(frame: Frame, malformed: Malformed): void {
    this.#break(`a malformed \`${FRAME_NAMES[frame.kind]}\` frame: ${malformed.reason}`);
  }

  #logFlood(): Broken {
    const { logFloodBytes } = this.#limits;
    return { kind: "broken", code: "log-limit", message: `it logged more than ${logFloodBytes} bytes` };
  }

  /** The only way to `ended`. An answer that was given stands, unless what came after it broke a rule. */
  #end(end: Exclude<RunEnd, { kind: "done" }>): void {
    if (this.#state === "ended") return;
    this.#state = "ended";
    this.#endedBy = end;
    this.#clearSettleTimer();
    this.#resolveOpened(end);
    const run = this.#current;
    this.#current = null;
    if (run !== null) {
      run.stopRaws.abort();
      run.resolve(end.kind === "gone" && run.answer !== null ? run.answer : end);
    }
    this.onEnd?.();
  }

  #clearSettleTimer(): void {
    if (this.#settleTimer !== null) clearTimeout(this.#settleTimer);
    this.#settleTimer = null;
  }

  /** A method, since every call into the machine may change the state. */
  #hasEnded(): boolean {
    return this.#state === "ended";
  }
}

function runPayload(work: RunWork): Buffer {
  const raws = work.raws.map(({ id, sizeBytes, mimeTypes }) => ({
    id,
    size: sizeBytes,
    mime_types: mimeTypes,
  }));
  const debug = work.debug === undefined ? {} : { debug: true };
  return Buffer.from(JSON.stringify({ protocol: PROTOCOL, meta: work.meta, raws, ...debug }));
}

function countLines(payload: Buffer): number {
  let lines = payload.at(-1) === NEWLINE ? 0 : 1;
  for (let at = payload.indexOf(NEWLINE); at !== -1; at = payload.indexOf(NEWLINE, at + 1)) lines += 1;
  return lines;
}

function outOfTurn(frame: Frame, when: string): string {
  return `a \`${FRAME_NAMES[frame.kind]}\` frame when ${when}`;
}

function violation(message: string): Broken {
  return { kind: "broken", code: "protocol-violation", message };
}

function tooMuch(message: string): Broken {
  return { kind: "broken", code: "output-limit", message };
}

function noCommonProtocol(protocols: readonly number[]): Broken {
  const spoken = protocols.slice(0, 10).join(", ");
  return {
    kind: "broken",
    code: "protocol-version",
    message: `it speaks protocol version ${spoken === "" ? "none" : spoken}, this Whiskers speaks ${PROTOCOL}`,
  };
}
