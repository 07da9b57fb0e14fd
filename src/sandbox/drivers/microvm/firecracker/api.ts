import { Client } from "undici";

import { isObject, messageOf } from "../../../../domain/unknown.ts";

/** An answer takes milliseconds; one that hangs has to be noticed before anybody asks why. */
const ANSWER_MS = 5000;
const COMPLAINT_MAX_CHARS = 1000;

/**
 * The API of Firecracker, JSON over HTTP on a Unix socket. Written by the schema of 1.16.1; what is used of it is in all
 * versions since 1.8.
 */
export class FirecrackerApi {
  readonly #client: Client;

  constructor(socketPath: string) {
    this.#client = new Client("http://localhost", { socketPath, headersTimeout: 0 });
  }

  put(path: string, body: object, answerMs = ANSWER_MS): Promise<unknown> {
    return this.#ask("PUT", path, body, answerMs);
  }

  patch(path: string, body: object): Promise<unknown> {
    return this.#ask("PATCH", path, body);
  }

  get(path: string): Promise<unknown> {
    return this.#ask("GET", path, null);
  }

  close(): void {
    void this.#client.destroy();
  }

  /** @throws Error it refuses, in its own words (`fault_message`), says nothing, or has ended */
  async #ask(
    method: "GET" | "PUT" | "PATCH",
    path: string,
    body: object | null,
    answerMs = ANSWER_MS,
  ): Promise<unknown> {
    try {
      const { statusCode, body: answer } = await this.#client.request({
        method,
        path,
        signal: AbortSignal.timeout(answerMs),
        ...(body === null
          ? {}
          : { body: JSON.stringify(body), headers: { "content-type": "application/json" } }),
      });
      const text = await answer.text();
      const said: unknown = text === "" ? null : JSON.parse(text);
      if (statusCode < 300) return said;
      const fault = isObject(said) ? said["fault_message"] : undefined;
      throw new Error(
        typeof fault === "string" ? fault.slice(0, COMPLAINT_MAX_CHARS) : `status ${statusCode}`,
      );
    } catch (error) {
      throw new ApiError(`${method} ${path}: ${messageOf(error)}`, { cause: error });
    }
  }
}

/** The message names the request, and what Firecracker said to it. */
class ApiError extends Error {
  override readonly name = "ApiError";
}
