import { Buffer } from "node:buffer";
import { spawn } from "node:child_process";
import type { ChildProcessByStdio } from "node:child_process";
import { once } from "node:events";
import type { Readable, Writable } from "node:stream";

import { encodeFrame, FRAME, FrameDecoder } from "../../src/sandbox/frames.ts";
import type { Frame, FrameKind } from "../../src/sandbox/frames.ts";

/** How one run looked from the host's side. */
export interface Answer {
  readonly records: readonly unknown[];
  readonly logs: readonly unknown[];
  /** Kind of the last frame; null: the stream ended before `done` or `failed`. */
  readonly end: "done" | "failed" | null;
  readonly payload: Readonly<Record<string, unknown>>;
  /** Run numbers of all frames. */
  readonly runs: readonly number[];
}

/** A guest without a sandbox, on pipes, and a host that only tests. Use with `await using`: it is killed at the end. */
export class GuestProcess implements AsyncDisposable {
  readonly pid: number | undefined;
  readonly ended: Promise<{ readonly code: number | null; readonly signal: string | null }>;
  errors = "";
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #frames: AsyncGenerator<Frame, void, undefined>;

  constructor(argv: readonly string[], env: Readonly<Record<string, string>>) {
    const [program = "", ...args] = argv;
    this.#child = spawn(program, args, { env, stdio: ["pipe", "pipe", "pipe"] });
    this.pid = this.#child.pid;
    this.#child.stdin.on("error", () => {
      // EPIPE: the guest has ended, which `ended` tells.
    });
    this.#child.stderr.setEncoding("utf8").on("data", (text: string) => {
      this.errors += text;
    });
    this.ended = once(this.#child, "close").then(([code, signal]) => ({ code, signal }));
    this.#frames = readFrames(this.#child.stdout);
  }

  send(bytes: Uint8Array): void {
    this.#child.stdin.write(bytes);
  }

  /** Sends one whole run. `what` becomes the scanned object. */
  sendRun(run: number, what: unknown, raws: readonly Uint8Array[] = [], extra: object = {}): void {
    const list = raws.map((raw, index) => ({ id: `raw-${index}`, size: raw.length, mime_types: [] }));
    const meta = { raw_data: { boefje_meta: { arguments: { input: what } } } };
    const request = JSON.stringify({ protocol: 1, meta, raws: list, ...extra });
    const frame = (kind: FrameKind, payload: Uint8Array): void => {
      this.send(Buffer.concat(encodeFrame(kind, run, payload)));
    };
    frame(FRAME.run, Buffer.from(request));
    for (const raw of raws) {
      for (let at = 0; at < raw.length; at += 65_536) frame(FRAME.raw, raw.subarray(at, at + 65_536));
    }
    frame(FRAME.raw, Buffer.alloc(0));
  }

  closeInput(): void {
    this.#child.stdin.end();
  }

  async nextFrame(): Promise<Frame | null> {
    const next = await this.#frames.next();
    return next.done === true ? null : next.value;
  }

  /** The next frame, which must be `ready`; its payload. */
  async ready(): Promise<Readonly<Record<string, unknown>>> {
    const frame = await this.nextFrame();
    if (frame?.kind !== FRAME.ready || frame.run !== 0) {
      const end = frame === null ? JSON.stringify(await this.ended) : "";
      const got = frame === null ? "the end" : `kind ${frame.kind}: ${frame.payload.toString()}`;
      throw new Error(`${got} instead of ready; ${end}\n${this.errors}`);
    }
    return JSON.parse(frame.payload.toString());
  }

  /** Reads frames up to `done`, `failed` or the end of the stream. */
  async answer(): Promise<Answer> {
    const records: unknown[] = [];
    const logs: unknown[] = [];
    const runs: number[] = [];
    for (;;) {
      const frame = await this.nextFrame();
      if (frame === null) return { records, logs, end: null, payload: {}, runs };
      runs.push(frame.run);
      if (frame.kind === FRAME.records) records.push(...lines(frame.payload));
      else if (frame.kind === FRAME.log) logs.push(...lines(frame.payload));
      else if (frame.kind === FRAME.done || frame.kind === FRAME.failed) {
        const end = frame.kind === FRAME.done ? "done" : "failed";
        return { records, logs, end, payload: JSON.parse(frame.payload.toString()), runs };
      } else throw new Error(`a frame of kind ${frame.kind} in a run`);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    this.#child.stdout.destroy();
    await this.ended;
  }
}

async function* readFrames(stream: AsyncIterable<Buffer>): AsyncGenerator<Frame, void, undefined> {
  const decoder = new FrameDecoder("guest");
  for await (const chunk of stream) yield* decoder.push(chunk);
  decoder.end();
}

function lines(payload: Buffer): unknown[] {
  return payload
    .toString("utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line): unknown => JSON.parse(line));
}
