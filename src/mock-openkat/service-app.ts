import fastify, { type FastifyInstance } from "fastify";

import { type FaultList, injectFaults } from "./faults.ts";

/** ISO 8601 with `Z` or an offset, `T` or a space between; the services refuse times without a zone. */
const AWARE_TIME = /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:?\d\d)$/u;
const UUID = /^[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}$/iu;

/** Refused by a check of the service's own: answered as that service answers. */
export class Refusal extends Error {
  readonly status: number;
  readonly body: unknown;
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: number, body: unknown, headers: Readonly<Record<string, string>> = {}) {
    super(`refused with ${status}`);
    this.status = status;
    this.body = body;
    this.headers = headers;
  }
}

/**
 * An HTTP service that checks requests by JSON Schema (formats `aware-time` and `uuid`), without
 * changing them, and answers like OpenKAT's: `invalid` shapes the service's own 422; whatever is not
 * foreseen is a plain-text 500. Bodies may be large: Bytes takes raw files in base64.
 */
export function serviceApp(
  faults: FaultList,
  invalid: (message: string) => unknown,
  bodyLimit = 512 * 1024 * 1024,
): FastifyInstance {
  const app = fastify({
    bodyLimit,
    forceCloseConnections: true,
    ajv: {
      customOptions: {
        coerceTypes: false,
        removeAdditional: false,
        useDefaults: false,
        allowUnionTypes: true,
        formats: { "aware-time": AWARE_TIME, uuid: UUID },
      },
    },
  });
  app.setErrorHandler(
    async (
      error: Error & { readonly validation?: unknown; readonly statusCode?: number },
      _request,
      reply,
    ) => {
      if (error instanceof Refusal)
        return reply
          .code(error.status)
          .headers({ ...error.headers })
          .send(error.body);
      if (error.validation !== undefined || error.statusCode === 400 || error.statusCode === 415) {
        return reply.code(422).send(invalid(error.message));
      }
      return reply.code(500).type("text/plain; charset=utf-8").send("Internal Server Error");
    },
  );
  app.setNotFoundHandler(async (_request, reply) => reply.code(404).send({ detail: "Not Found" }));
  injectFaults(app, faults);
  return app;
}

/** A path or query parameter that must be a UUID. */
export function requireUuid(value: string | undefined, invalid: (message: string) => unknown): string {
  if (value === undefined || !UUID.test(value)) throw new Refusal(422, invalid(`not a UUID: ${value ?? ""}`));
  return value.toLowerCase();
}

/** An aware time of a query string. */
export function requireAwareTime(value: string | undefined, invalid: (message: string) => unknown): string {
  const numeric = value !== undefined && value !== "" && Number.isFinite(Number(value));
  if (value === undefined || !(AWARE_TIME.test(value) || numeric)) {
    throw new Refusal(422, invalid(`not a time with a zone: ${value ?? ""}`));
  }
  return value;
}
