import type { Readable } from "node:stream";

import { WhiskersError } from "../../errors.ts";
import { discard } from "../../http/http-service.ts";
import { createAuthorizer, type Scopes } from "./authorizer.ts";
import { allowsPlainHttp, type Endpoint, isLoopback, type RegistryOptions } from "./endpoints.ts";
import { type Answer, type HttpTimes, type Method, openHttp } from "./http-exchange.ts";

export interface RegistryRequest {
  readonly endpoint: Endpoint;
  readonly method: Method;
  /** Below the server, `/v2/…`, with its query; or where the server said to go on. */
  readonly target: string | URL;
  readonly scopes: Scopes;
  readonly headers?: Readonly<Record<string, string>>;
  /** Made anew for every try. */
  readonly body?: () => Buffer | Readable;
  readonly signal: AbortSignal;
}

/** Requests to registries: who asks is told to the registry alone, and redirects are looked at one by one. */
export interface Requests {
  /**
   * The answer, whatever its status, but for 401.
   * @throws WhiskersError `registry-unavailable`, `registry-untrusted`, `registry-credentials`, `registry-violation`, `cancelled`
   */
  send(request: RegistryRequest): Promise<Answer>;
  /** Where a server's answer says to go on, when that is allowed. @throws WhiskersError `registry-violation`, `registry-untrusted` */
  locationOf(answer: Answer, endpoint: Endpoint): URL;
  close(): Promise<void>;
}

const MOST_REDIRECTS = 5;
const REDIRECTS: readonly number[] = [301, 302, 303, 307, 308];

export function openRequests(options: RegistryOptions, times: HttpTimes): Requests {
  const http = openHttp(options, times);
  const authorizer = createAuthorizer(http, options);
  const origins = new Map<string, string>();

  return { send, locationOf, close: () => http.close() };

  async function send(request: RegistryRequest): Promise<Answer> {
    const { endpoint, target } = request;
    const origin = await originOf(endpoint, request.signal);
    let url = typeof target === "string" ? new URL(target, origin) : target;
    for (let redirects = 0; redirects <= MOST_REDIRECTS; redirects += 1) {
      const answer =
        url.origin === origin ? await sendAsOurselves(request, url) : await sendOnce(request, url, null);
      const isRead = request.method === "GET" || request.method === "HEAD";
      if (!isRead || !REDIRECTS.includes(answer.status)) return answer;
      discard(answer.body);
      url = locationOf(answer, endpoint);
    }
    throw new WhiskersError(
      "registry-violation",
      `${endpoint.host} redirects more than ${MOST_REDIRECTS} times`,
    );
  }

  /** To the registry itself, and to nobody else. */
  async function sendAsOurselves(request: RegistryRequest, url: URL): Promise<Answer> {
    const { endpoint, scopes, signal } = request;
    const first = await sendOnce(request, url, authorizer.headerFor(endpoint, scopes));
    if (first.status !== 401) return first;
    discard(first.body);
    await authorizer.answer(endpoint, scopes, first, signal);
    const second = await sendOnce(request, url, authorizer.headerFor(endpoint, scopes));
    if (second.status !== 401) return second;
    discard(second.body);
    throw new WhiskersError(
      "registry-credentials",
      `${endpoint.registry} does not let us ${scopes.join(", ") || "in"} with what Docker's config has for it`,
    );
  }

  async function sendOnce(request: RegistryRequest, url: URL, authorization: string | null): Promise<Answer> {
    const { method, headers = {}, body, signal } = request;
    return http.send({
      method,
      url,
      headers: authorization === null ? headers : { ...headers, authorization },
      ...(body === undefined ? {} : { body: body() }),
      signal,
    });
  }

  function locationOf(answer: Answer, endpoint: Endpoint): URL {
    const { location } = answer.headers;
    const url = typeof location === "string" ? URL.parse(location, answer.url.href) : null;
    if (url === null || !/^https?:$/u.test(url.protocol) || url.username !== "" || url.password !== "") {
      throw new WhiskersError("registry-violation", `${endpoint.host} sends us nowhere that can be gone to`);
    }
    const { host } = url;
    if (isLoopback(host) && !isLoopback(endpoint.host)) {
      throw new WhiskersError("registry-violation", `${endpoint.host} sends us to ${host}, on this machine`);
    }
    if (url.protocol === "http:" && !allowsPlainHttp(host, options)) {
      throw new WhiskersError("registry-untrusted", `${endpoint.host} sends us to ${host} without TLS`);
    }
    return url;
  }

  /** By TLS, unless the server speaks none and may be talked to without. */
  async function originOf({ host }: Endpoint, signal: AbortSignal): Promise<string> {
    const known = origins.get(host);
    if (known !== undefined) return known;
    let origin = `https://${host}`;
    if (allowsPlainHttp(host, options) && !(await speaksTls(host, signal))) origin = `http://${host}`;
    origins.set(host, origin);
    return origin;
  }

  /** @throws WhiskersError `registry-untrusted`: a certificate that is wrong is no reason to do without */
  async function speaksTls(host: string, signal: AbortSignal): Promise<boolean> {
    try {
      const answer = await http.send({
        method: "GET",
        url: new URL(`https://${host}/v2/`),
        headers: {},
        signal,
      });
      discard(answer.body);
      return true;
    } catch (error) {
      if (error instanceof WhiskersError && error.code === "registry-unavailable" && !signal.aborted)
        return false;
      throw error;
    }
  }
}
