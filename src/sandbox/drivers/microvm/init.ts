import type { Duplex, Writable } from "node:stream";

import { wakeMessage } from "./wake-program.ts";

/** A file that the init is to write. */
export interface InitFile {
  /** As the init sees it. */
  readonly path: string;
  readonly content: Uint8Array;
}

const BLOCK_BYTES = 4096;
const LINE_MAX_CHARS = 4096;

/** The conversation with the first process of a machine, guest-init.sh: lines in both directions. */
export class Init {
  readonly started: Promise<void>;
  /** Resolves when it says that the guest has ended. */
  readonly ended: Promise<void>;
  /** Resolves when it will say nothing more. */
  readonly closed: Promise<void>;
  /** Resolves when it has taken a seed, with whether its kernel uses it from now on. */
  readonly seeded: Promise<boolean>;
  isBooted = false;
  isStarted = false;
  /** What it could not do. */
  failure: string | null = null;
  ending: { readonly code: number; readonly killedForMemory: number } | null = null;
  lastPeakBytes: number | null = null;
  /** Processor time of the guest, as the machine's kernel counts it. */
  lastCpuMicroseconds: number | null = null;
  killedForMemory = 0;
  readonly #control: Duplex;
  readonly #wake: Writable | null;
  #isClosed = false;
  #rest = "";
  #onStarted: () => void = () => {};
  #onEnded: () => void = () => {};
  #onSeeded: (isUsed: boolean) => void = () => {};
  #waiting: ((peakBytes: number | null) => void)[] = [];

  /** @param isRestored it had started the guest before its machine was saved */
  constructor(control: Duplex, isRestored: boolean, wake: Writable | null = null) {
    this.#control = control;
    this.#wake = wake;
    this.isBooted = isRestored;
    this.isStarted = isRestored;
    this.seeded = new Promise((resolve) => {
      this.#onSeeded = resolve;
    });
    this.started = new Promise((resolve) => {
      this.#onStarted = resolve;
    });
    this.ended = new Promise((resolve) => {
      this.#onEnded = resolve;
    });
    this.closed = new Promise((resolve) => {
      control.once("close", resolve);
      control.once("end", resolve);
      control.once("error", () => {
        resolve();
      });
    });
    void this.closed.then(() => {
      this.#isClosed = true;
      this.#answer();
      return null;
    });
    control.on("data", (chunk: Buffer) => {
      this.#onData(chunk.toString("latin1"));
    });
  }

  /** Tells it the time, and gives its kernel random bytes: it answers by `seeded`. */
  wake(nowMs: number, seed: Buffer): void {
    const message = wakeMessage(nowMs, seed);
    if (this.#wake === null)
      this.#say(`wake ${message.toString("hex").replaceAll(/../gu, String.raw`\x$&`)}`);
    else this.#wake.write(message);
  }

  send(files: readonly InitFile[]): void {
    for (const { path, content } of files) {
      const blocks = Math.ceil(content.length / BLOCK_BYTES);
      this.#say(`file ${path} ${blocks} ${content.length}`);
      this.#control.write(content);
      this.#control.write(Buffer.alloc(blocks * BLOCK_BYTES - content.length));
    }
  }

  setUp(): void {
    this.#say("setup");
  }

  start(mark: string, relayed: boolean): void {
    this.#say(`start ${mark} ${relayed ? "relayed" : "direct"}`);
  }

  terminate(): void {
    this.#say("terminate");
  }

  /** The most memory that the guest has had; null: nobody knows. */
  usage(): Promise<number | null> {
    if (!this.isStarted || this.ending !== null || this.#isClosed || this.#control.destroyed)
      return Promise.resolve(this.lastPeakBytes);
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      this.#say("usage");
    });
  }

  #say(line: string): void {
    this.#control.write(`${line}\n`);
  }

  #onData(text: string): void {
    const lines = (this.#rest + text).slice(-LINE_MAX_CHARS).split("\n");
    this.#rest = lines.pop() ?? "";
    for (const line of lines) this.#onLine(line.trimEnd());
  }

  #onLine(line: string): void {
    const [verb, ...words] = line.split(" ");
    switch (verb) {
      case "booted":
        this.isBooted = true;
        return;
      case "seeded":
        this.#onSeeded(words[0] === "0");
        return;
      case "failed":
        this.failure = words.join(" ");
        return;
      case "started":
        this.isStarted = true;
        this.#onStarted();
        return;
      case "usage":
        this.#onUsage(words);
        return;
      case "ended": {
        const [code, ...usage] = words;
        this.#onUsage(usage);
        this.ending = { code: Number(code) & 0xff, killedForMemory: this.killedForMemory };
        this.#onEnded();
        return;
      }
      default:
    }
  }

  #onUsage([peak, microseconds, killed]: readonly string[]): void {
    this.lastCpuMicroseconds = Number(microseconds) || 0;
    this.lastPeakBytes = Number(peak) || this.lastPeakBytes;
    this.killedForMemory = Number(killed) || 0;
    this.#answer();
  }

  #answer(): void {
    for (const resolve of this.#waiting) resolve(this.lastPeakBytes);
    this.#waiting = [];
  }
}
