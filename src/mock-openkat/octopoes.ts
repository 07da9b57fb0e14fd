import { randomUUID } from "node:crypto";

import type { FastifyInstance } from "fastify";

import type { FaultList } from "./faults.ts";
import { ObjectGraph, type OriginType, type ScanProfileWrite, type StoredObject } from "./object-graph.ts";
import { Refusal, requireAwareTime, serviceApp } from "./service-app.ts";

/** One accepted write, as it came: what tests compare with what a normalizer gave. */
export interface ReceivedWrite {
  readonly organisation: string;
  readonly kind: OriginType | "scan_profiles";
  readonly taskId: string | null;
  readonly validTime: string;
  readonly body: unknown;
}

/** Checks one object; returns its primary key, or what the service would say against it. */
export type CheckObject = (
  object: Readonly<Record<string, unknown>>,
) => { readonly key: string } | { readonly problem: string };

export interface OctopoesState {
  readonly graphs: Map<string, ObjectGraph>;
  readonly received: ReceivedWrite[];
}

const invalid = (message: string): unknown => ({ detail: message });
const OOI = { type: "object", required: ["object_type"], properties: { object_type: { type: "string" } } };
const AWARE = { type: "string", format: "aware-time" };
const OBSERVATION = {
  type: "object",
  required: ["method", "source", "task_id", "valid_time", "result"],
  properties: {
    method: { type: "string" },
    source: { type: "string", pattern: "^[A-Za-z0-9]+\\|" },
    source_method: { type: ["string", "null"] },
    task_id: { type: "string", format: "uuid" },
    valid_time: AWARE,
    result: { type: "array", items: OOI },
  },
};
const CLAIM = {
  type: "object",
  required: ["ooi", "valid_time"],
  properties: {
    ooi: OOI,
    valid_time: AWARE,
    end_valid_time: { anyOf: [AWARE, { type: "null" }] },
    method: { type: ["string", "null"] },
    source_method: { type: ["string", "null"] },
    task_id: { anyOf: [{ type: "string", format: "uuid" }, { type: "null" }] },
  },
};
const SCAN_PROFILES = {
  type: "array",
  items: {
    type: "object",
    required: ["reference", "level"],
    properties: {
      scan_profile_type: { enum: ["empty", "inherited", "declared"] },
      reference: { type: "string" },
      level: { type: "integer", minimum: 0, maximum: 4 },
      user_id: { type: ["integer", "null"] },
    },
  },
};

interface Claim {
  readonly ooi: Readonly<Record<string, unknown>>;
  readonly valid_time: string;
  readonly method?: string | null;
  readonly source_method?: string | null;
  readonly task_id?: string | null;
}

interface ObservationBody {
  readonly method: string;
  readonly source: string;
  readonly source_method?: string | null;
  readonly task_id: string;
  readonly valid_time: string;
  readonly result: readonly Readonly<Record<string, unknown>>[];
}

type OfOrganisation = { readonly Params: { readonly org: string } };

/** The object graph's HTTP interface as a normalizer worker meets it. */
export function octopoesApp(state: OctopoesState, check: CheckObject, faults: FaultList): FastifyInstance {
  const app = serviceApp(faults, invalid);
  const graph = (org: string): ObjectGraph => {
    const found = state.graphs.get(org);
    if (found === undefined) throw new Refusal(404, { detail: "Node not found" });
    return found;
  };
  const checked = (object: Readonly<Record<string, unknown>>): readonly [string, StoredObject] => {
    if (object["primary_key"] === null) throw new Refusal(422, invalid("primary_key may not be null"));
    const result = check(object);
    if ("problem" in result) throw new Refusal(422, invalid(result.problem));
    // A key that is given is trusted, even where it contradicts the fields.
    const given = object["primary_key"];
    const key = typeof given === "string" && given !== "" ? given : result.key;
    return [key, { ...object, primary_key: key }];
  };
  const receive = (
    org: string,
    kind: ReceivedWrite["kind"],
    taskId: string | null,
    validTime: string,
    body: unknown,
  ): void => {
    state.received.push({ organisation: org, kind, taskId, validTime, body });
  };

  app.get("/health", async () => ({
    service: "octopoes",
    healthy: true,
    version: "mock",
    additional: null,
    results: [],
  }));
  app.get<OfOrganisation>("/:org/health", async ({ params }) => {
    graph(params.org);
    return { service: "octopoes", healthy: true, version: "mock", additional: null, results: [] };
  });
  app.post<OfOrganisation>("/:org/node", async ({ params }) => {
    if (!state.graphs.has(params.org)) state.graphs.set(params.org, new ObjectGraph());
    return null;
  });

  app.post<OfOrganisation & { Body: ObservationBody }>(
    "/:org/observations",
    { schema: { body: OBSERVATION } },
    async ({ params, body }) => {
      const objects = graph(params.org);
      const results = body.result.map(checked);
      const { source } = body;
      if (!objects.objects.has(source) && !results.some(([key]) => key === source)) {
        throw new Refusal(400, { detail: "Origin source of observation does not exist" });
      }
      objects.write(
        {
          origin_type: "observation",
          method: body.method,
          source,
          source_method: body.source_method ?? null,
          task_id: body.task_id,
        },
        results,
      );
      receive(params.org, "observation", body.task_id, body.valid_time, body);
      return null;
    },
  );

  const claim = (org: string, kind: "declaration" | "affirmation", body: Claim): void => {
    const [key, object] = checked(body.ooi);
    const origin = {
      origin_type: kind,
      method: body.method ?? (kind === "declaration" ? "manual" : "hydration"),
      source: key,
      source_method: body.source_method ?? null,
      task_id: body.task_id ?? randomUUID(),
    } as const;
    if (kind === "declaration") graph(org).write(origin, [[key, object]]);
    else graph(org).affirm(origin, key, object);
    receive(org, kind, body.task_id ?? null, body.valid_time, body);
  };
  app.post<OfOrganisation & { Body: Claim }>(
    "/:org/declarations",
    { schema: { body: CLAIM } },
    async ({ params, body }) => {
      claim(params.org, "declaration", body);
      return null;
    },
  );
  app.post<OfOrganisation & { Body: readonly Claim[] }>(
    "/:org/declarations/save_many",
    { schema: { body: { type: "array", items: CLAIM } } },
    async ({ params, body }) => {
      graph(params.org);
      // One transaction: all are checked before the first is written.
      for (const one of body) checked(one.ooi);
      for (const one of body) claim(params.org, "declaration", one);
      return null;
    },
  );
  app.post<OfOrganisation & { Body: Claim }>(
    "/:org/affirmations",
    { schema: { body: CLAIM } },
    async ({ params, body }) => {
      claim(params.org, "affirmation", body);
      return null;
    },
  );

  app.post<
    OfOrganisation & { Querystring: { valid_time?: string }; Body: readonly Partial<ScanProfileWrite>[] }
  >("/:org/scan_profiles/save_many", { schema: { body: SCAN_PROFILES } }, async ({ params, query, body }) => {
    const validTime = requireAwareTime(query.valid_time, invalid);
    for (const profile of body) {
      const { reference = "", level = 0 } = profile;
      // A missing type is read as `empty`, whatever the level.
      const type = profile.scan_profile_type ?? "empty";
      graph(params.org).scanProfiles.set(reference, {
        scan_profile_type: type,
        reference,
        level,
        user_id: profile.user_id ?? null,
      });
    }
    receive(params.org, "scan_profiles", null, validTime, body);
    return null;
  });

  app.get<OfOrganisation & { Querystring: { reference?: string; valid_time?: string } }>(
    "/:org/object",
    async ({ params, query }) => {
      requireAwareTime(query.valid_time, invalid);
      const found = graph(params.org).objects.get(query.reference ?? "");
      if (found === undefined) throw new Refusal(404, { detail: query.reference ?? "" });
      return found;
    },
  );
  app.get<OfOrganisation & { Querystring: { task_id?: string; source?: string; valid_time?: string } }>(
    "/:org/origins",
    async ({ params, query }) => {
      requireAwareTime(query.valid_time, invalid);
      return [...graph(params.org).origins.values()].filter(
        (origin) =>
          (query.task_id ?? origin.task_id) === origin.task_id &&
          (query.source ?? origin.source) === origin.source,
      );
    },
  );
  return app;
}
