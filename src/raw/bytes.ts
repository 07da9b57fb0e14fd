import { createHash } from "node:crypto";
import { open, rm } from "node:fs/promises";
import { pipeline } from "node:stream/promises";

import type { NormalizerMeta, RawDataMeta } from "../domain/meta.ts";
import type { DerivedRaw } from "../domain/record.ts";
import { isObject } from "../domain/unknown.ts";
import { WhiskersError } from "../errors.ts";
import {
  discard,
  type HttpRequest,
  type HttpService,
  type HttpStream,
  jsonOf,
  kindOfTrouble,
  malformedAnswer,
  requireSuccess,
} from "../http/http-service.ts";
import { checkSecureHash } from "./secure-hash.ts";

/** A token is renewed this long before it expires, milliseconds. */
const RENEW_BEFORE_MS = 60_000;

export interface BytesCredentials {
  readonly username: string;
  readonly password: string;
}

export interface RawDownload {
  readonly rawId: string;
  /** File to write; its folder exists. */
  readonly path: string;
  /** Up to this size the bytes are returned and no file is written; default: always a file. */
  readonly inMemoryBytes?: number;
  readonly maxBytes: number;
  /** Hash to check, and the time that goes into it, where they are known. */
  readonly secureHash: { readonly value: string; readonly boefjeEndedAt: string } | null;
}

export interface Downloaded {
  readonly sizeBytes: number;
  /** Lower-case hex. */
  readonly sha256: string;
  /** Null: they are in the file. */
  readonly content: Buffer | null;
}

export interface RawFilter {
  readonly mimeTypes?: readonly string[];
  readonly boefjeMetaId?: string;
  readonly rawIds?: readonly string[];
  readonly limit: number;
}

/**
 * OpenKAT's store of raw files and run metadata. Every call throws WhiskersError `upstream-unavailable`,
 * `upstream-refused`, `upstream-credentials`, `cancelled`.
 */
export interface Bytes {
  /**
   * Streams a raw file to a file, or into memory when it is small. Nothing is left at `path` when it fails.
   * @throws also `input-unreadable`: longer than `maxBytes`, or not what its hash says
   */
  download(download: RawDownload, signal: AbortSignal): Promise<Downloaded>;
  /** Saves the metadata of a run. Saving what is there already, from an earlier try, succeeds. */
  saveNormalizerMeta(meta: NormalizerMeta, signal: AbortSignal): Promise<void>;
  /** Saves raw files under a boefje's run; returns their ids in order. */
  saveRaws(
    boefjeMetaId: string,
    raws: readonly DerivedRaw[],
    signal: AbortSignal,
  ): Promise<readonly string[]>;
  /** Metadata of raws, of every organisation: the service cannot filter by it. */
  listRaws(filter: RawFilter, signal: AbortSignal): Promise<readonly RawDataMeta[]>;
}

export function openBytes(service: HttpService, credentials: BytesCredentials): Bytes {
  return new BytesClient(service, credentials);
}

interface Token {
  readonly text: string;
  readonly expiresAtMs: number;
}

class BytesClient implements Bytes {
  readonly #service: HttpService;
  readonly #credentials: BytesCredentials;
  #token: Token | null = null;
  /** One login serves all who wait for it: each makes the server hash the password twice. */
  #login: Promise<Token> | null = null;

  constructor(service: HttpService, credentials: BytesCredentials) {
    this.#service = service;
    this.#credentials = credentials;
  }

  async download(
    { rawId, path, inMemoryBytes = 0, maxBytes, secureHash }: RawDownload,
    signal: AbortSignal,
  ): Promise<Downloaded> {
    const what = `raw file ${rawId}`;
    const request: HttpRequest = {
      endpoint: "raw",
      method: "GET",
      path: `/bytes/raw/${encodeURIComponent(rawId)}`,
      signal,
    };
    const { endpoint, status, body, contentLength } = await this.#authorized((headers) =>
      this.#service.stream({ ...request, headers }),
    );
    if (status !== 200) {
      const text = await textOf(body).catch((error: unknown) => {
        throw this.#broken(what, error, signal);
      });
      requireSuccess(this.#service, what, { endpoint, status, text });
    }
    const tooLong = (): WhiskersError =>
      new WhiskersError("input-unreadable", `${what} is longer than ${maxBytes} bytes`);
    const check = secureHash === null ? null : checkSecureHash(secureHash.value, secureHash.boefjeEndedAt);
    const sha256 = createHash("sha256");
    let sizeBytes = 0;
    const measure = async function* (chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
      if (contentLength !== null && contentLength > maxBytes) throw tooLong();
      for await (const chunk of chunks) {
        sizeBytes += chunk.length;
        if (sizeBytes > maxBytes) throw tooLong();
        sha256.update(chunk);
        check?.update(chunk);
        yield chunk;
      }
      if (check?.matches() === false) {
        throw new WhiskersError("input-unreadable", `${what} is not what its hash in Bytes says`);
      }
    };
    const measured = measure(body as AsyncIterable<Buffer>);
    try {
      const { begin, isAll } = await takeUpTo(inMemoryBytes, measured);
      if (isAll) return { sizeBytes, sha256: sha256.digest("hex"), content: begin };
      const whole = async function* (): AsyncGenerator<Buffer> {
        yield begin;
        yield* measured;
      };
      // There before anything can fail: a file that is made only after its removal would stay.
      const file = await open(path, "wx", 0o600);
      await pipeline(whole, file.createWriteStream(), { signal });
    } catch (error) {
      body.destroy();
      await rm(path, { force: true });
      throw error instanceof WhiskersError ? error : this.#broken(what, error, signal);
    }
    return { sizeBytes, sha256: sha256.digest("hex"), content: null };
  }

  async saveNormalizerMeta(meta: NormalizerMeta, signal: AbortSignal): Promise<void> {
    const what = `the normalizer meta ${meta.id}`;
    const path = "/bytes/normalizer_meta";
    const json = JSON.stringify(meta);
    const answer = await this.#authorized((headers) =>
      this.#service.send({ endpoint: "normalizer_meta", method: "POST", path, json, headers, signal }),
    );
    // The same answer for an id that is there already and for a raw file that is not.
    if (answer.status === 400 && (await this.#hasNormalizerMeta(meta.id, signal))) return;
    requireSuccess(this.#service, what, answer);
  }

  async saveRaws(
    boefjeMetaId: string,
    raws: readonly DerivedRaw[],
    signal: AbortSignal,
  ): Promise<readonly string[]> {
    if (raws.length === 0) return [];
    const files = raws.map(({ mime_types: tags, content }, index) => ({
      name: String(index),
      content: Buffer.from(content.buffer, content.byteOffset, content.byteLength).toString("base64"),
      tags,
    }));
    const answer = await this.#authorized((headers) =>
      this.#service.send({
        endpoint: "raw",
        method: "POST",
        path: "/bytes/raw",
        query: { boefje_meta_id: boefjeMetaId },
        json: JSON.stringify({ files }),
        headers,
        signal,
      }),
    );
    const ids = jsonOf(this.#service, `raw files of boefje run ${boefjeMetaId}`, answer);
    return files.map(({ name }) => {
      const id = isObject(ids) ? ids[name] : undefined;
      if (typeof id !== "string") {
        throw malformedAnswer(this.#service, "raw", "gave no id for a raw file");
      }
      return id;
    });
  }

  async listRaws(filter: RawFilter, signal: AbortSignal): Promise<readonly RawDataMeta[]> {
    const query = new URLSearchParams({ limit: String(filter.limit) });
    if (filter.boefjeMetaId !== undefined) query.append("boefje_meta_id", filter.boefjeMetaId);
    for (const type of filter.mimeTypes ?? []) query.append("mime_types", type);
    for (const id of filter.rawIds ?? []) query.append("raw_ids", id);
    const path = `/bytes/raw?${query.toString()}`;
    const answer = await this.#authorized((headers) =>
      this.#service.send({ endpoint: "raw", method: "GET", path, headers, signal }),
    );
    const list = jsonOf(this.#service, "the list of raw files", answer);
    if (!Array.isArray(list)) {
      throw malformedAnswer(this.#service, "raw", "answered with no list of raw files");
    }
    return list as readonly RawDataMeta[];
  }

  async #hasNormalizerMeta(id: string, signal: AbortSignal): Promise<boolean> {
    const path = `/bytes/normalizer_meta/${encodeURIComponent(id)}`;
    const answer = await this.#authorized((headers) =>
      this.#service.send({ endpoint: "normalizer_meta", method: "GET", path, headers, signal }),
    );
    if (answer.status === 404) return false;
    requireSuccess(this.#service, `the normalizer meta ${id}`, answer);
    return true;
  }

  /** Sends with a token that is good; when the service thinks otherwise, with a new one, once. */
  async #authorized<Answer extends Pick<HttpStream, "endpoint" | "status"> & Partial<HttpStream>>(
    send: (headers: Readonly<Record<string, string>>) => Promise<Answer>,
  ): Promise<Answer> {
    const token = await this.#goodToken(null);
    const answer = await send(bearer(token));
    if (answer.status !== 401) return answer;
    this.#service.failed(answer.endpoint, "401");
    discard(answer.body);
    const second = await send(bearer(await this.#goodToken(token)));
    if (second.status !== 401) return second;
    this.#service.failed(second.endpoint, "401");
    discard(second.body);
    throw new WhiskersError(
      "upstream-unavailable",
      `${this.#service.name} refused a token that it had just given`,
    );
  }

  async #goodToken(refused: Token | null): Promise<Token> {
    const token = this.#token;
    if (token !== null && token !== refused && token.expiresAtMs - RENEW_BEFORE_MS > Date.now()) return token;
    this.#login ??= this.#logIn().finally(() => {
      this.#login = null;
    });
    this.#token = await this.#login;
    return this.#token;
  }

  /** Not cancelled with one caller: others wait for the same login. The service's timeout bounds it. */
  async #logIn(): Promise<Token> {
    const { username, password } = this.#credentials;
    const answer = await this.#service.send({
      endpoint: "token",
      method: "POST",
      path: "/token",
      form: { username, password },
      signal: new AbortController().signal,
    });
    if (answer.status === 401 || answer.status === 422) {
      this.#service.failed("token", answer.status === 401 ? "401" : "4xx");
      const message = `${this.#service.name} does not accept the user \`${username}\` with this password`;
      throw new WhiskersError("upstream-credentials", message);
    }
    const body = jsonOf(this.#service, "a login", answer);
    const text = isObject(body) ? body["access_token"] : undefined;
    if (typeof text !== "string") {
      throw malformedAnswer(this.#service, "token", "answered a login without a token");
    }
    const expires = isObject(body) ? Date.parse(String(body["expires_at"])) : Number.NaN;
    // A life that we cannot read is found out by a 401. A short one must not make us log in every time.
    const lifeMs = Number.isNaN(expires) ? Infinity : expires - Date.now();
    return { text, expiresAtMs: lifeMs < 2 * RENEW_BEFORE_MS ? Infinity : Date.now() + lifeMs };
  }

  #broken(what: string, cause: unknown, signal: AbortSignal): WhiskersError {
    if (signal.aborted) return new WhiskersError("cancelled", `reading ${what} was cancelled`, { cause });
    this.#service.failed("raw", kindOfTrouble(cause));
    const why = cause instanceof Error ? cause.message : String(cause);
    return new WhiskersError(
      "upstream-unavailable",
      `reading ${what} from ${this.#service.name} broke off: ${why}`,
      { cause },
    );
  }
}

function bearer(token: Token): Readonly<Record<string, string>> {
  return { authorization: `Bearer ${token.text}` };
}

/** Of a refusal: the first part is enough. */
async function textOf(body: HttpStream["body"]): Promise<string> {
  let text = "";
  for await (const chunk of body as AsyncIterable<Buffer>) {
    text += chunk.toString();
    if (text.length > 4096) break;
  }
  discard(body);
  return text;
}

/** What comes until there are more than so many bytes; the rest can still be read. */
async function takeUpTo(
  bytes: number,
  chunks: AsyncIterator<Buffer>,
): Promise<{ readonly begin: Buffer; readonly isAll: boolean }> {
  const taken: Buffer[] = [];
  for (let length = 0; length <= bytes;) {
    const next = await chunks.next();
    if (next.done === true) return { begin: Buffer.concat(taken), isAll: true };
    taken.push(next.value);
    length += next.value.length;
  }
  return { begin: Buffer.concat(taken), isAll: false };
}
