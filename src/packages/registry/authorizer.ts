import { isObject } from "../../domain/unknown.ts";
import { WhiskersError } from "../../errors.ts";
import { jsonBody, requireStatus } from "./answers.ts";
import { type Challenge, parseChallenges } from "./challenges.ts";
import { type Credentials, dockerCredentials } from "./docker-credentials.ts";
import { allowsPlainHttp, type Endpoint, isLoopback, type RegistryOptions } from "./endpoints.ts";
import type { Answer, Http } from "./http-exchange.ts";

/** What is asked for: `repository:library/debian:pull`. */
export type Scopes = readonly string[];

/** Knows what to say to servers that ask who asks. */
export interface Authorizer {
  /** The `Authorization` header for one endpoint, as far as it is known; never for anybody else. */
  headerFor(endpoint: Endpoint, scopes: Scopes): string | null;
  /**
   * After a 401: finds out what to say from now on.
   * @throws WhiskersError `registry-credentials`, `registry-violation`, `registry-untrusted`, `registry-unavailable`
   */
  answer(endpoint: Endpoint, scopes: Scopes, refusal: Answer, signal: AbortSignal): Promise<void>;
}

interface Known {
  readonly header: string;
  readonly untilMs: number;
}

const TOKEN_MOST_BYTES = 256 * 1024;
/** Of the distribution specification, for tokens that do not say. */
const TOKEN_SECONDS = 60;
/** A token is not used for so long before its end. */
const MARGIN_MS = 10_000;

export function createAuthorizer(http: Http, options: RegistryOptions): Authorizer {
  const known = new Map<string, Known>();
  const credentials = new Map<string, Promise<Credentials | null>>();

  return {
    headerFor(endpoint, scopes) {
      for (const key of [keyOf(endpoint, scopes), keyOf(endpoint, [])]) {
        const { header, untilMs } = known.get(key) ?? { header: null, untilMs: 0 };
        if (header !== null && performance.now() < untilMs) return header;
      }
      return null;
    },

    async answer(endpoint, scopes, refusal, signal) {
      const challenges = parseChallenges(refusal.headers["www-authenticate"]);
      const bearer = challenges.find(({ scheme }) => scheme === "bearer");
      const basic = challenges.find(({ scheme }) => scheme === "basic");
      const secret = await credentialsFor(endpoint);
      if (bearer !== undefined) {
        known.set(keyOf(endpoint, scopes), await fetchToken(endpoint, scopes, bearer, secret, signal));
      } else if (basic !== undefined) {
        known.set(keyOf(endpoint, []), {
          header: basicHeader(endpoint, secret),
          untilMs: Number.POSITIVE_INFINITY,
        });
      } else {
        throw new WhiskersError(
          "registry-violation",
          `${endpoint.host} asks who asks, and names no way that we know of saying it`,
        );
      }
    },
  };

  function credentialsFor({ registry }: Endpoint): Promise<Credentials | null> {
    const { dockerConfig } = options;
    let found = credentials.get(registry);
    if (found === undefined) {
      found = dockerConfig === null ? Promise.resolve(null) : dockerCredentials(dockerConfig, registry);
      credentials.set(registry, found);
    }
    return found;
  }

  async function fetchToken(
    endpoint: Endpoint,
    scopes: Scopes,
    { parameters }: Challenge,
    secret: Credentials | null,
    signal: AbortSignal,
  ): Promise<Known> {
    const url = realmOf(endpoint, parameters["realm"] ?? "", options);
    const query = new URLSearchParams();
    if (parameters["service"] !== undefined) query.set("service", parameters["service"]);
    // Ours, not what the challenge says: a registry could ask us for a token of more than it needs.
    if (secret?.kind === "token") {
      query.set("grant_type", "refresh_token");
      query.set("client_id", "whiskers");
      query.set("refresh_token", secret.token);
      query.set("scope", scopes.join(" "));
    } else for (const scope of scopes) query.append("scope", scope);
    if (secret?.kind !== "token") for (const [key, value] of query) url.searchParams.append(key, value);
    const answer = await http.send({
      method: secret?.kind === "token" ? "POST" : "GET",
      url,
      headers: {
        accept: "application/json",
        ...(secret?.kind === "password" ? { authorization: basicHeader(endpoint, secret) } : {}),
        ...(secret?.kind === "token" ? { "content-type": "application/x-www-form-urlencoded" } : {}),
      },
      ...(secret?.kind === "token" ? { body: Buffer.from(query.toString()) } : {}),
      signal,
    });
    const what = `the token server ${url.host} of ${endpoint.host}`;
    await requireStatus(answer, [200], what, signal);
    const document = await jsonBody(answer, TOKEN_MOST_BYTES, what, signal);
    const { token, access_token: accessToken, expires_in: expiresIn } = isObject(document) ? document : {};
    const text = token ?? accessToken;
    if (typeof text !== "string" || !/^[\w.~+/=-]{1,65536}$/u.test(text)) {
      throw new WhiskersError("registry-violation", `${what} answered without a token`);
    }
    const seconds = typeof expiresIn === "number" && expiresIn > 0 ? expiresIn : TOKEN_SECONDS;
    return {
      header: `Bearer ${text}`,
      untilMs: performance.now() + Math.max(seconds * 1000 - MARGIN_MS, MARGIN_MS),
    };
  }
}

/** Where a registry wants its users to get tokens. Credentials go there: by TLS only, as to the registry itself. */
function realmOf(endpoint: Endpoint, realm: string, options: RegistryOptions): URL {
  const url = URL.parse(realm);
  if (url === null || !/^https?:$/u.test(url.protocol) || url.username !== "" || url.password !== "") {
    throw new WhiskersError("registry-violation", `${endpoint.host} names no token server that can be asked`);
  }
  const isHere = isLoopback(url.host);
  if (isHere && !isLoopback(endpoint.host)) {
    throw new WhiskersError(
      "registry-violation",
      `${endpoint.host} names ${url.host}, on this machine, as its token server`,
    );
  }
  if (url.protocol === "http:" && !allowsPlainHttp(url.host, options)) {
    throw new WhiskersError(
      "registry-untrusted",
      `${endpoint.host} names a token server without TLS: ${url.host}`,
    );
  }
  return url;
}

function basicHeader({ registry }: Endpoint, secret: Credentials | null): string {
  if (secret?.kind !== "password") {
    throw new WhiskersError(
      "registry-credentials",
      `${registry} asks for a user name and password, and Docker's config has none for exactly this name`,
    );
  }
  return `Basic ${Buffer.from(`${secret.username}:${secret.password}`).toString("base64")}`;
}

function keyOf({ host }: Endpoint, scopes: Scopes): string {
  return [host, ...scopes].join(" ");
}
