import type { Readable } from "node:stream";

import { Agent } from "undici";

import { WhiskersError } from "../errors.ts";

/** An answer that is larger is not JSON that one of these services would give. */
const ANSWER_MAX_BYTES = 64 * 1024 * 1024;
/** Of a refusal's text, what a message holds. */
const QUOTE_LENGTH = 300;

/**
 * How a request failed: no answer in time; the connection broke, or could not be made; the answer's status; or an
 * answer that is none of the service's own.
 */
export type FailureKind = "timeout" | "reset" | "unreachable" | "5xx" | "401" | "4xx" | "malformed";

/** One request that failed, as it is counted. */
export interface UpstreamFailure {
  readonly service: string;
  /** Group of endpoints, as `HttpRequest` says. */
  readonly endpoint: string;
  readonly kind: FailureKind;
}

export interface HttpServiceOptions {
  /** As messages name it: `Bytes`. */
  readonly name: string;
  /** May have a path: `http://host:8000/bytes`. */
  readonly baseUrl: string;
  /** Until the answer's headers, and between two pieces of its body. */
  readonly timeoutMs: number;
  /** Connections kept alive. */
  readonly connections?: number;
  /** Told of every request that failed, also of those that are tried again. */
  readonly onFailure?: (failure: UpstreamFailure) => void;
}

export interface HttpRequest {
  /** What it is about, without ids: failures are counted by it. */
  readonly endpoint: string;
  readonly method: "GET" | "POST" | "PATCH" | "PUT";
  /** Begins with `/`; parts from elsewhere are percent-encoded by the caller. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  /** JSON text. */
  readonly json?: string | Buffer;
  readonly form?: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}

export interface HttpAnswer {
  /** Of the request. */
  readonly endpoint: string;
  readonly status: number;
  readonly text: string;
}

export interface HttpStream {
  /** Of the request. */
  readonly endpoint: string;
  readonly status: number;
  /** Of the header, bytes; null when it is not said. */
  readonly contentLength: number | null;
  readonly body: Readable;
}

/** One HTTP service that we talk to over connections that stay open. */
export interface HttpService {
  readonly name: string;
  /** @throws WhiskersError `upstream-unavailable` no answer; `cancelled` */
  send(request: HttpRequest): Promise<HttpAnswer>;
  /** The answer's body as it comes. The caller reads or destroys it. @throws as `send` */
  stream(request: HttpRequest): Promise<HttpStream>;
  /** Counts a failure that only the reader of an answer can see. */
  failed(endpoint: string, kind: FailureKind): void;
  /** Refuses new requests and cuts what is under way. Idempotent. */
  close(): Promise<void>;
}

export function openHttpService(options: HttpServiceOptions): HttpService {
  return new UndiciService(options);
}

/**
 * The value of an answer of status 200 to 299.
 * @throws WhiskersError `upstream-unavailable` for 408, 425, 429, 5xx and for text that is no JSON (a body
 * cut short, a proxy's page); `upstream-refused` for every other status
 */
export function jsonOf(service: HttpService, what: string, answer: HttpAnswer): unknown {
  requireSuccess(service, what, answer);
  try {
    return JSON.parse(answer.text);
  } catch (cause) {
    throw malformedAnswer(service, answer.endpoint, `answered ${what} with no JSON`, cause);
  }
}

/** The error for an answer that is none of the service's own, and counts it. */
export function malformedAnswer(
  service: HttpService,
  endpoint: string,
  how: string,
  cause?: unknown,
): WhiskersError {
  service.failed(endpoint, "malformed");
  return new WhiskersError("upstream-unavailable", `${service.name} ${how}`, { cause });
}

/** @throws as `jsonOf` */
export function requireSuccess(service: HttpService, what: string, answer: HttpAnswer): void {
  if (answer.status >= 200 && answer.status < 300) return;
  service.failed(answer.endpoint, kindOfStatus(answer.status));
  const transient = answer.status >= 500 || [408, 425, 429].includes(answer.status);
  throw new WhiskersError(
    transient ? "upstream-unavailable" : "upstream-refused",
    `${service.name} answered ${what} with ${answer.status}: ${quote(answer.text)}`,
  );
}

/** How a request failed that got no answer, or not the whole of one. */
export function kindOfTrouble(cause: unknown): FailureKind {
  const code = String((cause as { readonly code?: unknown } | null)?.code);
  if (/^UND_ERR_(?:CONNECT|HEADERS|BODY)_TIMEOUT$|^ETIMEDOUT$/u.test(code)) return "timeout";
  return /^E(?:CONNREFUSED|NOTFOUND|AI_AGAIN|HOSTUNREACH|NETUNREACH)$/u.test(code) ? "unreachable" : "reset";
}

/** Ends a body that nobody will read. */
export function discard(body: Readable | undefined): void {
  // Cutting it off is an error of the stream's, and no news.
  body?.on("error", () => {}).destroy();
}

class UndiciService implements HttpService {
  readonly name: string;
  readonly #agent: Agent;
  readonly #origin: string;
  readonly #prefix: string;
  readonly #onFailure: HttpServiceOptions["onFailure"];
  #closed: Promise<void> | null = null;

  constructor({ name, baseUrl, timeoutMs, connections = 32, onFailure }: HttpServiceOptions) {
    this.name = name;
    this.#onFailure = onFailure;
    const url = new URL(baseUrl);
    this.#origin = url.origin;
    this.#prefix = url.pathname.replace(/\/+$/u, "");
    this.#agent = new Agent({
      connections,
      pipelining: 1,
      connect: { timeout: timeoutMs },
      headersTimeout: timeoutMs,
      bodyTimeout: timeoutMs,
      // Below the usual 5 s of servers, so that we are the first to close.
      keepAliveTimeout: 4_000,
    });
  }

  async send(request: HttpRequest): Promise<HttpAnswer> {
    const { endpoint, status, body } = await this.stream(request);
    try {
      const chunks: Buffer[] = [];
      let size = 0;
      for await (const chunk of body as AsyncIterable<Buffer>) {
        size += chunk.length;
        if (size > ANSWER_MAX_BYTES) {
          throw malformedAnswer(this, endpoint, `gave an answer of more than ${ANSWER_MAX_BYTES} bytes`);
        }
        chunks.push(chunk);
      }
      return { endpoint, status, text: Buffer.concat(chunks).toString() };
    } catch (error) {
      throw error instanceof WhiskersError ? error : this.#trouble(request, error);
    }
  }

  async stream(request: HttpRequest): Promise<HttpStream> {
    try {
      const answer = await this.#agent.request({
        origin: this.#origin,
        path: this.#prefix + request.path + queryText(request.query),
        method: request.method,
        headers: headersOf(request),
        body: request.form === undefined ? (request.json ?? null) : formText(request.form),
        signal: request.signal,
      });
      const length = answer.headers["content-length"];
      return {
        endpoint: request.endpoint,
        status: answer.statusCode,
        contentLength: typeof length === "string" ? Number(length) : null,
        body: answer.body,
      };
    } catch (error) {
      throw this.#trouble(request, error);
    }
  }

  failed(endpoint: string, kind: FailureKind): void {
    this.#onFailure?.({ service: this.name, endpoint, kind });
  }

  close(): Promise<void> {
    this.#closed ??= this.#agent.destroy();
    return this.#closed;
  }

  #trouble(request: HttpRequest, cause: unknown): WhiskersError {
    if (request.signal.aborted) {
      return new WhiskersError("cancelled", `a request to ${this.name} was cancelled`, { cause });
    }
    this.failed(request.endpoint, kindOfTrouble(cause));
    const why = cause instanceof Error ? cause.message : String(cause);
    const message = `${this.name} gave no answer to ${request.method} ${request.path}: ${why}`;
    return new WhiskersError("upstream-unavailable", message, { cause });
  }
}

function kindOfStatus(status: number): FailureKind {
  if (status >= 500) return "5xx";
  if (status === 401) return "401";
  return status >= 400 ? "4xx" : "malformed";
}

function headersOf(request: HttpRequest): Record<string, string> {
  const type =
    request.form === undefined
      ? request.json === undefined
        ? null
        : "application/json"
      : "application/x-www-form-urlencoded";
  return { ...(type === null ? {} : { "content-type": type }), ...request.headers };
}

function queryText(query: HttpRequest["query"]): string {
  return query === undefined ? "" : `?${formText(query)}`;
}

/** A `+` of a time's offset becomes `%2B`, as the services need it. */
function formText(values: Readonly<Record<string, string>>): string {
  return new URLSearchParams(values).toString();
}

function quote(text: string): string {
  // oxlint-disable-next-line no-control-regex -- what a service answers ends in logs and terminals
  const clean = text.replaceAll(/[\u0000-\u001f\u007f-\u009f]+/gu, " ");
  return clean.length > QUOTE_LENGTH ? `${clean.slice(0, QUOTE_LENGTH)}…` : clean;
}
