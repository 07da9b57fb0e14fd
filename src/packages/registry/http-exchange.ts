import type { Readable } from "node:stream";
import { getCACertificates } from "node:tls";

import { Agent, type Dispatcher, EnvHttpProxyAgent } from "undici";

import { codeOf, messageOf } from "../../domain/unknown.ts";
import { WhiskersError } from "../../errors.ts";
import { isLoopback, type RegistryOptions } from "./endpoints.ts";

export type Method = "GET" | "HEAD" | "POST" | "PATCH" | "PUT" | "DELETE";

export interface Exchange {
  readonly method: Method;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Buffer | Readable;
  readonly signal: AbortSignal;
}

export interface Answer {
  readonly url: URL;
  readonly status: number;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** To be read or destroyed. */
  readonly body: Readable;
}

/** One request and its answer; nothing is followed, decoded or tried again here. */
export interface Http {
  /** @throws WhiskersError `registry-unavailable`, `registry-untrusted`, `cancelled` */
  send(exchange: Exchange): Promise<Answer>;
  close(): Promise<void>;
}

export interface HttpTimes {
  readonly connectMs: number;
  /** Until all headers of an answer are there, and between two pieces of its body. */
  readonly silentMs: number;
}

const CONNECTIONS = 8;

export function openHttp({ certificateAuthority, proxy }: RegistryOptions, times: HttpTimes): Http {
  const options: Agent.Options = {
    connections: CONNECTIONS,
    pipelining: 1,
    headersTimeout: times.silentMs,
    bodyTimeout: times.silentMs,
    connect: {
      timeout: times.connectMs,
      // Node.js then trusts this one alone; the usual ones are added again.
      ...(certificateAuthority === null
        ? {}
        : { ca: [...getCACertificates("default"), certificateAuthority] }),
    },
  };
  const direct = new Agent(options);
  const proxied = new EnvHttpProxyAgent({
    ...options,
    httpProxy: "",
    httpsProxy: proxy.https ?? "",
    noProxy: proxy.except ?? "",
  });
  return {
    async send({ method, url, headers, body, signal }) {
      try {
        const dispatcher: Dispatcher = isLoopback(url.host) ? direct : proxied;
        const answer = await dispatcher.request({
          origin: url.origin,
          path: url.pathname + url.search,
          method,
          headers: { "user-agent": "whiskers", "accept-encoding": "identity", ...headers },
          body: body ?? null,
          signal,
        });
        return { url, status: answer.statusCode, headers: answer.headers, body: answer.body };
      } catch (error) {
        throw httpTrouble(error, `${method} ${url.host}${url.pathname}`, signal);
      }
    },
    async close() {
      await Promise.all([direct.destroy(), proxied.destroy()]);
    },
  };
}

/** What went wrong below HTTP, as an error of ours. Also for what goes wrong while a body is read. */
export function httpTrouble(error: unknown, what: string, signal: AbortSignal): WhiskersError {
  if (error instanceof WhiskersError) return error;
  const options = { cause: error };
  const reason: unknown = signal.reason;
  if (signal.aborted && reason instanceof WhiskersError) return reason;
  if (signal.aborted && !(reason instanceof Error && reason.name === "TimeoutError")) {
    return new WhiskersError("cancelled", `${what} was cancelled`, options);
  }
  if (signal.aborted) return new WhiskersError("registry-unavailable", `${what}: no answer in time`, options);
  const why = reasonOf(error);
  if (UNTRUSTED.test(codeOf(error) ?? "")) {
    return new WhiskersError(
      "registry-untrusted",
      `${what}: its certificate is not trusted: ${why}`,
      options,
    );
  }
  return new WhiskersError("registry-unavailable", `${what}: ${why}`, options);
}

/** Of OpenSSL's and of Node.js' own checks. */
const UNTRUSTED = /CERT|UNABLE_TO_VERIFY|UNABLE_TO_GET_ISSUER|HOSTNAME_MISMATCH|INVALID_CA|SELF_SIGNED/u;

/** Of several addresses that were tried, the first one's. */
function reasonOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return reasonOf(error.errors[0]);
  return messageOf(error);
}
