import fastify from "fastify";

import type { Metrics } from "./metrics.ts";

export interface OperationsServerOptions {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  readonly version: string;
  readonly metrics: Metrics;
  /** Why this process is not ready for work; null: it is. */
  readonly notReady: () => string | null;
}

export interface OperationsServer {
  readonly url: string;
  close(): Promise<void>;
}

/**
 * What an orchestrator asks: `GET /health` (it lives; the shape of OpenKAT's services), `GET /ready` (200 when
 * it takes work, else 503 with the reason), `GET /metrics` (Prometheus).
 */
export async function startOperationsServer(options: OperationsServerOptions): Promise<OperationsServer> {
  const app = fastify({ forceCloseConnections: true });
  app.get("/health", () => ({
    service: "whiskers",
    healthy: true,
    version: options.version,
    additional: null,
    results: [],
  }));
  app.get("/ready", (_request, reply) => {
    const reason = options.notReady();
    return reply.code(reason === null ? 200 : 503).send({ ready: reason === null, reason });
  });
  app.get("/metrics", async (_request, reply) => {
    reply.type(options.metrics.contentType);
    return options.metrics.text();
  });
  const url = await app.listen({ host: options.host, port: options.port });
  return { url, close: () => app.close() };
}
