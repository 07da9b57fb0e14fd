import { createHmac, timingSafeEqual } from "node:crypto";
import { Readable } from "node:stream";

import type { FastifyInstance } from "fastify";

import type { FaultList } from "./faults.ts";
import type { RawStore, StoredBoefjeMeta } from "./raw-store.ts";
import { Refusal, requireUuid, serviceApp } from "./service-app.ts";

export interface BytesOptions {
  readonly username: string;
  readonly password: string;
  /** Life of a token, milliseconds. */
  readonly tokenMs: number;
  readonly now: () => number;
}

const invalid = (message: string): unknown => ({ value: message });
const INTEGRITY = new Refusal(400, {
  status: "failed",
  message: "Integrity error: object might already exist",
});
const SECRET = "mock-openkat";

const NULLABLE_STRING = { type: ["string", "null"] };
const BOEFJE_META = {
  type: "object",
  required: ["id", "started_at", "ended_at", "boefje", "arguments", "organization"],
  properties: {
    id: { type: "string", format: "uuid" },
    started_at: { type: "string", format: "aware-time" },
    ended_at: { type: "string", format: "aware-time" },
    boefje: {
      type: "object",
      required: ["id"],
      properties: { id: { type: "string" }, version: NULLABLE_STRING },
    },
    input_ooi: NULLABLE_STRING,
    arguments: { type: "object" },
    organization: { type: "string" },
    runnable_hash: NULLABLE_STRING,
    environment: { type: ["object", "null"], additionalProperties: { type: "string" } },
  },
};
const NORMALIZER_META = {
  type: "object",
  required: ["id", "started_at", "ended_at", "raw_data", "normalizer"],
  properties: {
    id: { type: "string", format: "uuid" },
    started_at: { type: "string", format: "aware-time" },
    ended_at: { type: "string", format: "aware-time" },
    raw_data: {
      type: "object",
      required: ["id", "boefje_meta"],
      properties: {
        id: { type: "string", format: "uuid" },
        boefje_meta: BOEFJE_META,
        mime_types: {
          type: "array",
          items: { type: "object", required: ["value"], properties: { value: { type: "string" } } },
        },
      },
    },
    normalizer: {
      type: "object",
      required: ["id"],
      properties: { id: { type: "string" }, version: NULLABLE_STRING },
    },
  },
};
const BOEFJE_OUTPUT = {
  type: "object",
  properties: {
    status: { enum: ["COMPLETED", "FAILED"] },
    files: {
      type: "array",
      items: {
        type: "object",
        required: ["name", "content"],
        properties: {
          name: { type: "string" },
          content: { type: "string" },
          tags: { type: "array", items: { type: "string" } },
        },
      },
    },
  },
};

interface PostedNormalizerMeta {
  readonly id: string;
  readonly started_at: string;
  readonly ended_at: string;
  readonly raw_data: { readonly id: string };
  readonly normalizer: { readonly id: string; readonly version?: string | null };
}

interface PostedOutput {
  readonly files?: readonly {
    readonly name: string;
    readonly content: string;
    readonly tags?: readonly string[];
  }[];
}

interface RawQuery {
  readonly boefje_meta_id?: string;
  readonly normalized?: string;
  readonly raw_ids?: string | readonly string[];
  readonly mime_types?: string | readonly string[];
  readonly limit?: string;
}

/** The raw file store's HTTP interface as a normalizer worker meets it. */
export function bytesApp(store: RawStore, faults: FaultList, options: BytesOptions): FastifyInstance {
  const app = serviceApp(faults, invalid);
  app.addContentTypeParser(
    "application/x-www-form-urlencoded",
    { parseAs: "string" },
    async (_request: unknown, body: string) => Object.fromEntries(new URLSearchParams(body)),
  );

  app.get("/health", async () => ({
    service: "bytes",
    healthy: true,
    version: "mock",
    additional: null,
    results: [],
  }));

  app.post<{ Body: Readonly<Record<string, string>> | null }>("/token", async ({ body, headers }) => {
    const isForm = headers["content-type"]?.startsWith("application/x-www-form-urlencoded") === true;
    if (!isForm || body?.["username"] === undefined || body["password"] === undefined) {
      throw new Refusal(422, invalid("username and password are required, as a form"));
    }
    if ((body["grant_type"] ?? "password") !== "password") throw new Refusal(422, invalid("grant_type"));
    if (body["username"] !== options.username || body["password"] !== options.password) {
      throw new Refusal(401, { detail: "Incorrect username or password" }, { "WWW-Authenticate": "Bearer" });
    }
    const expires = options.now() + options.tokenMs;
    return {
      access_token: makeToken(options.username, expires),
      token_type: "bearer",
      expires_at: new Date(expires).toISOString().replace("Z", "000+00:00"),
    };
  });

  app.addHook("preValidation", async (request) => {
    if (!request.url.startsWith("/bytes/")) return;
    const [scheme, token] = (request.headers.authorization ?? "").split(" ");
    const problem =
      scheme?.toLowerCase() !== "bearer" || token === undefined
        ? "Not authenticated"
        : isTokenGood(token, options.now())
          ? null
          : "Could not validate credentials";
    if (problem !== null) throw new Refusal(401, { detail: problem }, { "WWW-Authenticate": "Bearer" });
  });

  app.post<{ Body: StoredBoefjeMeta }>(
    "/bytes/boefje_meta",
    { schema: { body: BOEFJE_META } },
    async ({ body }, reply) => {
      if (store.boefjeMetas.has(body.id)) throw INTEGRITY;
      requireColumns([
        [body.boefje.id, 64],
        [body.boefje.version, 16],
        [body.organization, 32],
        [body.input_ooi, 1024],
      ]);
      store.addBoefjeMeta({
        ...body,
        boefje: { id: body.boefje.id, version: body.boefje.version ?? null },
        input_ooi: body.input_ooi ?? null,
        runnable_hash: body.runnable_hash ?? null,
        environment: body.environment ?? null,
      });
      reply.code(201);
      return { status: "success" };
    },
  );

  app.get<{ Params: { id: string } }>("/bytes/boefje_meta/:id", async ({ params }) => {
    const meta = store.boefjeMetas.get(requireUuid(params.id, invalid));
    if (meta === undefined) throw new Refusal(404, { detail: "Boefje meta not found" });
    return meta;
  });

  app.post<{ Querystring: { boefje_meta_id?: string }; Body: PostedOutput }>(
    "/bytes/raw",
    { schema: { body: BOEFJE_OUTPUT } },
    async ({ query, body }) => saveFiles(store, requireUuid(query.boefje_meta_id, invalid), body),
  );

  app.get<{ Params: { id: string } }>("/bytes/raw/:id", async ({ params }, reply) => {
    const raw = store.raws.get(requireUuid(params.id, invalid));
    if (raw === undefined) throw new Refusal(404, { detail: "No raw data found" });
    reply.type("application/octet-stream");
    return raw.content instanceof Uint8Array ? Buffer.from(raw.content) : Readable.from(raw.content());
  });

  app.get<{ Params: { id: string } }>("/bytes/raw/:id/meta", async ({ params }) => {
    const raw = store.raws.get(requireUuid(params.id, invalid));
    if (raw === undefined) throw new Refusal(404, { detail: "No raw data found" });
    return store.rawMeta(raw);
  });

  // `organization` is not a filter of this route: results cross organisations.
  app.get<{ Querystring: RawQuery }>("/bytes/raw", async ({ query }) => {
    const ids = query.raw_ids === undefined ? null : [query.raw_ids].flat();
    const mimeTypes = query.mime_types === undefined ? [] : [query.mime_types].flat();
    const from =
      query.boefje_meta_id === undefined ? [...store.raws.values()] : store.rawsOf(query.boefje_meta_id);
    return from
      .filter(
        (raw) =>
          (ids === null || ids.includes(raw.id)) &&
          mimeTypes.every((type) => raw.mimeTypes.includes(type)) &&
          (query.normalized === undefined || store.isNormalized(raw.id) === (query.normalized === "true")),
      )
      .slice(0, Number(query.limit ?? 1))
      .map((raw) => store.rawMeta(raw));
  });

  app.post<{ Body: PostedNormalizerMeta }>(
    "/bytes/normalizer_meta",
    { schema: { body: NORMALIZER_META } },
    async ({ body }, reply) => {
      if (store.normalizerMetas.has(body.id) || !store.raws.has(body.raw_data.id)) throw INTEGRITY;
      requireColumns([
        [body.normalizer.id, 64],
        [body.normalizer.version, 16],
      ]);
      store.addNormalizerMeta({
        id: body.id,
        started_at: body.started_at,
        ended_at: body.ended_at,
        normalizer: { id: body.normalizer.id, version: body.normalizer.version ?? null },
        rawId: body.raw_data.id,
      });
      reply.code(201);
      return { status: "success" };
    },
  );

  app.get<{ Params: { id: string } }>("/bytes/normalizer_meta/:id", async ({ params }) => {
    const meta = store.normalizerMetas.get(requireUuid(params.id, invalid));
    if (meta === undefined) throw new Refusal(404, { detail: "Normalizer meta not found" });
    return store.normalizerMeta(meta);
  });
  return app;
}

/** A raw is known by its set of tags within a boefje's run; files before a bad one stay stored. */
function saveFiles(store: RawStore, boefjeMetaId: string, output: PostedOutput): Record<string, string> {
  const ids: Record<string, string> = {};
  const seen = new Set<string>();
  for (const file of output.files ?? []) {
    const tags = [...new Set(file.tags ?? [])].toSorted();
    const key = JSON.stringify(tags);
    if (seen.has(key)) {
      throw new Refusal(400, { detail: "Content types do not define unique sets of mime types." });
    }
    seen.add(key);
    const isBase64 = /^[A-Za-z0-9+/]*={0,2}$/u.test(file.content) && file.content.length % 4 === 0;
    if (!store.boefjeMetas.has(boefjeMetaId) || !isBase64)
      throw new Refusal(500, { detail: "Could not save raw data" });
    requireColumns(tags.map((tag) => [tag, 64] as const));
    const [known] = store.rawsOf(boefjeMetaId);
    const isKnown = known !== undefined && JSON.stringify(known.mimeTypes.toSorted()) === key;
    ids[file.name] = isKnown
      ? known.id
      : store.addRaw({ boefjeMetaId, mimeTypes: tags, content: Buffer.from(file.content, "base64") });
  }
  return ids;
}

/** A value longer than its column is an opaque 500 in the real service, not a 4xx. */
function requireColumns(columns: readonly (readonly [string | null | undefined, number])[]): void {
  if (columns.some(([value, length]) => (value?.length ?? 0) > length)) throw new Error("value too long");
}

function makeToken(username: string, expiresMs: number): string {
  const body = [
    { alg: "HS256", typ: "JWT" },
    { sub: username, exp: Math.floor(expiresMs / 1000) },
  ]
    .map((part) => Buffer.from(JSON.stringify(part)).toString("base64url"))
    .join(".");
  return `${body}.${sign(body)}`;
}

function isTokenGood(token: string, nowMs: number): boolean {
  const [header, payload, signature = ""] = token.split(".");
  const expected = Buffer.from(sign(`${header ?? ""}.${payload ?? ""}`));
  const given = Buffer.from(signature);
  if (expected.length !== given.length || !timingSafeEqual(expected, given)) return false;
  const { exp } = JSON.parse(Buffer.from(payload ?? "", "base64url").toString()) as { readonly exp: number };
  return exp * 1000 > nowMs;
}

function sign(text: string): string {
  return createHmac("sha256", SECRET).update(text).digest("base64url");
}
