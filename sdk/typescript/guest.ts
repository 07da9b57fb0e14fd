import { Buffer } from "node:buffer";

import { collect } from "./collect.ts";
import { failurePayload, payload } from "./failure.ts";
import { BadInput, DONE, encodeFrame, FAILED, RAW, READY, readHeader, readPayload, RUN } from "./frames.ts";
import type { GuestStream } from "./frames.ts";
import { attachLog } from "./log.ts";
import { withShortCuts } from "./meta.ts";
import type { RawFile } from "./meta.ts";
import { RunOutput } from "./run-output.ts";
import { VERSION } from "./version.ts";

interface Request {
  readonly debug?: boolean;
  readonly meta: object;
  readonly raws: readonly {
    readonly id: string;
    readonly size: number;
    readonly mime_types?: readonly string[];
  }[];
}

/**
 * The guest's side of the guest protocol, version 1, over any stream.
 *
 *     loading ──ready──▶ waiting ──run──▶ working ──done|failed──▶ waiting (after ready) or the end
 *        └──failed(0)──▶ the end   └──end of input──▶ the end
 *
 * `fork` is not possible in Node.
 */
export class Guest {
  readonly #stream: GuestStream;
  readonly #debug: ((run: number) => Promise<void>) | null;
  #output: RunOutput | null = null;

  /** @param debug waits for a debugger; null: there can be none */
  constructor(stream: GuestStream, debug: ((run: number) => Promise<void>) | null = null) {
    this.#stream = stream;
    this.#debug = debug;
  }

  /**
   * Loads the normalizer's function, then runs it once (`fresh`) or until the input ends (`reuse`).
   * `false`: it could not be loaded, and the host was told.
   * @param loads `late`: for its first run, because its code may come only then
   * @throws BadInput the host sent what no host should
   */
  async serve(
    load: () => Promise<unknown>,
    state: "fresh" | "reuse",
    loads: "ahead" | "late" = "ahead",
  ): Promise<boolean> {
    let normalizer: unknown = null;
    try {
      if (loads === "ahead") normalizer = await load();
    } catch (error) {
      await this.#stream.write(encodeFrame(FAILED, 0, failurePayload(error, true)));
      return false;
    }
    await this.#stream.write(encodeFrame(READY, 0, readyPayload()));
    for (;;) {
      const header = await readHeader(this.#stream);
      if (header === null) return true;
      if (header.kind !== RUN) throw new BadInput(`a frame of kind ${header.kind} instead of run`);
      const text = Buffer.allocUnsafe(header.length);
      await readPayload(this.#stream, text);
      const request = parseRequest(text);
      const raws = await this.#readRaws(request, header.run);
      try {
        if (request.debug === true) await this.#debug?.(header.run);
        normalizer ??= await load();
      } catch (error) {
        await this.#stream.write(encodeFrame(FAILED, header.run, failurePayload(error, true)));
        return false;
      }
      await this.#work(normalizer, header.run, request.meta, raws);
      if (state === "fresh") return true;
      await this.#stream.write(encodeFrame(READY, 0, "{}"));
    }
  }

  /** Ends the current run, if there is one, with an error that came from outside its call. */
  fail(error: unknown): void {
    this.#end(failurePayload(error, false));
  }

  /** The process ends: says so when a run is under way. */
  abandon(type: string, message: string): void {
    this.#end(payload(type, message, "", "raised"));
  }

  #end(text: string): void {
    const output = this.#output;
    this.#output = null;
    if (output === null) return;
    attachLog(null);
    void output.flush();
    void output.send(FAILED, text);
  }

  async #work(normalizer: unknown, run: number, meta: object, raws: readonly RawFile[]): Promise<void> {
    const output = new RunOutput(this.#stream, run);
    this.#output = output;
    attachLog((level, message) => {
      output.log(level, message);
    });
    try {
      if (typeof normalizer !== "function") throw new TypeError("the normalizer is no function");
      const raw = raws[0]?.content ?? Buffer.alloc(0);
      await collect(Reflect.apply(normalizer, undefined, [withShortCuts(meta, raws), raw]), output);
      await output.finish();
      this.#output = null;
      attachLog(null);
      await output.send(DONE, `{"records":${output.count}}`);
    } catch (error) {
      this.fail(error);
    }
  }

  async #readRaws(request: Request, run: number): Promise<readonly RawFile[]> {
    const raws: RawFile[] = [];
    for (const { id, size, mime_types: mimeTypes = [] } of request.raws) {
      const content = Buffer.allocUnsafeSlow(size);
      for (let at = 0; at < size;) {
        const length = await this.#readRawHeader(run);
        if (length === 0 || at + length > size) throw new BadInput("a raw frame that does not fit its file");
        await readPayload(this.#stream, content.subarray(at, at + length));
        at += length;
      }
      raws.push({ id, mimeTypes, content });
    }
    if ((await this.#readRawHeader(run)) !== 0) throw new BadInput("more bytes than the raw files have");
    return raws;
  }

  async #readRawHeader(run: number): Promise<number> {
    const header = await readHeader(this.#stream);
    if (header?.kind !== RAW || header.run !== run) throw new BadInput("not the raw frame that was expected");
    return header.length;
  }
}

function readyPayload(): string {
  return JSON.stringify({
    protocols: [1],
    sdk: { name: "whiskers-typescript", version: VERSION },
    language: { name: "javascript", version: process.versions.node },
    fork: false,
  });
}

function parseRequest(text: Buffer): Request {
  let request: unknown;
  try {
    request = JSON.parse(text.toString("utf8"));
  } catch {
    throw new BadInput("a run that is not JSON");
  }
  if (!isRequest(request)) throw new BadInput("a run without meta or raws");
  return request;
}

/** No deeper: what the host sends is trusted. */
function isRequest(value: unknown): value is Request {
  return typeof value === "object" && value !== null && "meta" in value && "raws" in value;
}
