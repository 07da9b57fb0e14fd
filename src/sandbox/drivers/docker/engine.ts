import { type IncomingMessage, request as httpRequest } from "node:http";
import type { Duplex, Readable } from "node:stream";

import { Pool } from "undici";

import { isObject, messageOf } from "../../../domain/unknown.ts";

/**
 * Engines of Docker 20.10 (2020) and later speak this version of its API, and Podman does since 3. Some (Docker 29.0) want a
 * later one, and say which; nothing of what a driver needs is otherwise in that.
 */
const API = "1.41";
/** How an engine says so, with status 400: moby, `versionError`. */
const TOO_OLD = /client version \S+ is too old\. Minimum supported API version is (\d+\.\d+)/u;
/** Podman's own, below /libpod. */
const LIBPOD_API = "/v4.0.0";
/** An answer that is larger is none that we asked for. */
const ANSWER_MAX_BYTES = 16 * 1024 * 1024;
/** For everything but what waits by its nature: an engine that is busy takes seconds, one that hangs for ever. */
const TIMEOUT_MS = 30_000;

type StreamName = "stdin" | "stdout" | "stderr";

export interface EngineRequest {
  readonly query?: Readonly<Record<string, string>>;
  readonly json?: unknown;
  /** A tar archive. */
  readonly tar?: Readable;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/** The engine refused, or could not be reached (`status` null). The message is the engine's own. */
export class EngineError extends Error {
  readonly status: number | null;

  constructor(status: number | null, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.name = "EngineError";
    this.status = status;
  }
}

/**
 * The Docker Engine API over a Unix socket, as much of it as a driver needs. undici is enough for it: the API is
 * JSON over HTTP, and an attached stream is a connection that was upgraded.
 */
export class Engine {
  readonly socketPath: string;
  readonly #pool: Pool;
  #api = API;

  constructor(socketPath: string) {
    this.socketPath = socketPath;
    // Without a limit of connections: every container that is waited for has one.
    this.#pool = new Pool("http://engine", {
      socketPath,
      headersTimeout: 0,
      bodyTimeout: 0,
      // The engine closes its own end after a while; one that is asked at that moment has to be asked again.
      keepAliveTimeout: 1000,
    });
  }

  /** The answer's JSON; null when it has none. @throws EngineError */
  async ask(
    method: "GET" | "POST" | "PUT" | "DELETE",
    path: string,
    request: EngineRequest = {},
  ): Promise<unknown> {
    const asked = this.#api;
    try {
      return await this.#ask(method, path, request);
    } catch (error) {
      this.#learn(error);
      // An archive that was sent cannot be sent again.
      if (this.#api === asked || request.tar !== undefined) throw error;
      return this.#ask(method, path, request);
    }
  }

  /** An engine may be replaced by a later one while this lives. */
  #learn(error: unknown): void {
    const [, wanted] = error instanceof EngineError ? (TOO_OLD.exec(error.message) ?? []) : [];
    if (wanted !== undefined) this.#api = wanted;
  }

  async #ask(method: string, path: string, request: EngineRequest): Promise<unknown> {
    const { timeoutMs = TIMEOUT_MS, signal } = request;
    const limit = timeoutMs === Infinity ? [] : [AbortSignal.timeout(timeoutMs)];
    const signals = [...limit, ...(signal === undefined ? [] : [signal])];
    try {
      const answer = await this.#pool.request({
        method,
        path: this.#target(path, request.query),
        signal: signals.length === 0 ? null : AbortSignal.any(signals),
        // undici sends a request again by itself only when it changes nothing.
        ...bodyOf(request),
      });
      const text = await readText(answer.body);
      if (answer.statusCode >= 300) throw new EngineError(answer.statusCode, complaintOf(text));
      return text === "" ? null : parseLast(text);
    } catch (error) {
      throw asEngineError(error, method, path);
    }
  }

  /** A connection whose bytes are these streams of the container's from now on. @throws EngineError */
  async attach(container: string, streams: readonly StreamName[]): Promise<Duplex> {
    const path = `/containers/${container}/attach`;
    const wanted = (name: StreamName): string => (streams.includes(name) ? "1" : "0");
    const query = { stdin: wanted("stdin"), stdout: wanted("stdout"), stderr: wanted("stderr") };
    try {
      return await this.#upgrade(this.#target(path, { stream: "1", ...query }));
    } catch (error) {
      throw asEngineError(error, "POST", path);
    }
  }

  /** By Node's own client: undici does not tell why an upgrade was refused. */
  #upgrade(path: string): Promise<Duplex> {
    return new Promise((resolve, reject) => {
      const asked = httpRequest({
        socketPath: this.socketPath,
        method: "POST",
        path,
        agent: false,
        headers: { connection: "Upgrade", upgrade: "tcp" },
      });
      // Only of the answer: the stream lives for as long as the container.
      const limit = setTimeout(() => {
        asked.destroy(new DOMException("no answer", "TimeoutError"));
      }, TIMEOUT_MS);
      asked.once("close", () => {
        clearTimeout(limit);
      });
      asked.once("upgrade", (_answer, socket, head) => {
        clearTimeout(limit);
        // Until somebody else listens.
        socket.on("error", () => {});
        if (head.length > 0) socket.unshift(head);
        resolve(socket);
      });
      asked.once("response", (answer) => {
        void refusalOf(answer).then(reject);
      });
      asked.once("error", reject);
      asked.end();
    });
  }

  /** Lines of JSON for as long as the engine sends them. @throws EngineError */
  async *follow(path: string, query: Readonly<Record<string, string>>, signal: AbortSignal) {
    try {
      const answer = await this.#pool.request({ method: "GET", path: this.#target(path, query), signal });
      if (answer.statusCode >= 300)
        throw new EngineError(answer.statusCode, complaintOf(await readText(answer.body)));
      let rest = "";
      for await (const chunk of answer.body.setEncoding("utf8")) {
        const lines = `${rest}${String(chunk)}`.split("\n");
        rest = lines.pop() ?? "";
        for (const line of lines) if (line.trim() !== "") yield JSON.parse(line) as unknown;
      }
    } catch (error) {
      throw asEngineError(error, "GET", path);
    }
  }

  #target(path: string, query: EngineRequest["query"] = {}): string {
    const search = new URLSearchParams(query).toString();
    const api = path.startsWith("/libpod/") ? LIBPOD_API : `/v${this.#api}`;
    return `${api}${path}${search === "" ? "" : `?${search}`}`;
  }

  /** Cuts what is under way. */
  async close(): Promise<void> {
    await this.#pool.destroy();
  }
}

/** Why it did not become a stream. */
async function refusalOf(answer: IncomingMessage): Promise<unknown> {
  try {
    return new EngineError(answer.statusCode ?? null, complaintOf(await readText(answer)));
  } catch (error) {
    return error;
  }
}

function bodyOf({ json, tar }: EngineRequest): {
  readonly body?: string | Readable;
  readonly headers?: Readonly<Record<string, string>>;
} {
  if (tar !== undefined) return { body: tar, headers: { "content-type": "application/x-tar" } };
  if (json === undefined) return {};
  return { body: JSON.stringify(json), headers: { "content-type": "application/json" } };
}

async function readText(body: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.length;
    if (bytes > ANSWER_MAX_BYTES) throw new Error("its answer is too large");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8").trim();
}

/** Some answers are lines of JSON, one or many: the last one says how it ended, and any may be a complaint. */
function parseLast(text: string): unknown {
  const said = parseLines(text);
  const complaint = said.find((one) => isObject(one) && typeof one["error"] === "string");
  if (isObject(complaint)) throw new EngineError(500, String(complaint["error"]));
  return said.at(-1);
}

function parseLines(text: string): readonly unknown[] {
  try {
    return [JSON.parse(text) as unknown];
  } catch {
    return text.split("\n").map((line): unknown => JSON.parse(line));
  }
}

function complaintOf(text: string): string {
  try {
    const said: unknown = JSON.parse(text);
    if (isObject(said) && typeof said["message"] === "string") return quoted(said["message"]);
  } catch {
    // It is a proxy's page, or nothing.
  }
  return quoted(text) || "it gave no reason";
}

/** Some complaints repeat all that was sent. What matters stands at the beginning and at the end. */
function quoted(text: string): string {
  const clean = text.trim();
  return clean.length <= QUOTE_CHARS
    ? clean
    : `${clean.slice(0, QUOTE_CHARS / 2)} ... ${clean.slice(-QUOTE_CHARS / 2)}`;
}

const QUOTE_CHARS = 600;

function asEngineError(error: unknown, method: string, path: string): EngineError {
  if (error instanceof EngineError) return error;
  const late = error instanceof Error && error.name === "TimeoutError";
  const message = late ? `the engine did not answer ${method} ${path} in time` : messageOf(error);
  return new EngineError(null, message, { cause: error });
}
