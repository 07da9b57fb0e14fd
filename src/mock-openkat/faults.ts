import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";

export type FaultKind = "latency" | "error" | "refuse" | "reset" | "hang" | "unauthorized" | "truncate";

/** A fault to inject into one of the mock's services. */
export interface Fault {
  /** Applies where `METHOD /path` matches this regular expression; absent: everywhere. */
  readonly match?: string;
  /**
   * `latency` answers late; `error` answers a plain-text 500; `refuse` answers 422; `reset` cuts the connection; `hang` never
   * answers; `unauthorized` answers 401; `truncate` cuts the connection in the middle of the body.
   */
  readonly kind: FaultKind;
  /** `before`: the request has no effect. `after`: it has, and only the answer is lost or late. Default `before`. */
  readonly when?: "before" | "after";
  /** Share of the matching requests that it hits, 0 to 1. Default 1. */
  readonly rate?: number;
  /** It stops after so many hits. Default: never. */
  readonly times?: number;
  /** Of `latency`, milliseconds. Default 1000. */
  readonly ms?: number;
}

/** The faults in force for one service. Random choices come from `random`, so that a run can be repeated. */
export class FaultList {
  readonly #active: { readonly fault: Fault; readonly pattern: RegExp; hits: number }[] = [];
  readonly #random: () => number;

  constructor(random: () => number) {
    this.#random = random;
  }

  /** @throws SyntaxError `match` is no regular expression */
  add(fault: Fault): void {
    this.#active.push({ fault, pattern: new RegExp(fault.match ?? "", "u"), hits: 0 });
  }

  clear(): void {
    this.#active.length = 0;
  }

  /** Hits so far, in the order of `add`. */
  hits(): readonly { readonly fault: Fault; readonly hits: number }[] {
    return this.#active.map(({ fault, hits }) => ({ fault, hits }));
  }

  take(request: string, when: "before" | "after"): Fault | null {
    for (const entry of this.#active) {
      const { fault } = entry;
      if ((fault.when ?? naturalMoment(fault.kind)) !== when || !entry.pattern.test(request)) continue;
      if (entry.hits >= (fault.times ?? Infinity) || this.#random() >= (fault.rate ?? 1)) continue;
      entry.hits += 1;
      return fault;
    }
    return null;
  }
}

/** Injects the list's faults into every route of `app` but those under `/_mock`. */
export function injectFaults(app: FastifyInstance, faults: FaultList): void {
  app.addHook("onRequest", async (request, reply) => {
    const fault = takeFor(request, faults, "before");
    if (fault !== null) await applyBefore(fault, request, reply);
  });
  app.addHook("onSend", async (request, reply, payload) => {
    const fault = takeFor(request, faults, "after");
    return fault === null ? payload : applyAfter(fault, reply, payload);
  });
}

/** A truncated body needs an answer, so it happens after the effect; everything else before unless said. */
function naturalMoment(kind: FaultKind): "before" | "after" {
  return kind === "truncate" ? "after" : "before";
}

function takeFor(request: FastifyRequest, faults: FaultList, when: "before" | "after"): Fault | null {
  return request.url.startsWith("/_mock") ? null : faults.take(`${request.method} ${request.url}`, when);
}

async function applyBefore(fault: Fault, request: FastifyRequest, reply: FastifyReply): Promise<void> {
  switch (fault.kind) {
    case "latency":
      await delay(fault.ms ?? 1000);
      return;
    case "error":
      await reply.code(500).type("text/plain; charset=utf-8").send("Internal Server Error");
      return;
    case "refuse":
      await reply.code(422).send({ detail: "refused on demand" });
      return;
    case "unauthorized":
      await reply
        .code(401)
        .header("WWW-Authenticate", "Bearer")
        .send({ detail: "Could not validate credentials" });
      return;
    case "hang":
      reply.hijack();
      return;
    case "reset":
    case "truncate":
      reply.hijack();
      request.raw.socket.destroy();
  }
}

async function applyAfter(fault: Fault, reply: FastifyReply, payload: unknown): Promise<unknown> {
  switch (fault.kind) {
    case "latency":
      await delay(fault.ms ?? 1000);
      return payload;
    case "error":
    case "refuse":
    case "unauthorized":
      reply.code(AFTERWARDS[fault.kind]).type("text/plain; charset=utf-8");
      reply.removeHeader("content-length");
      return "Internal Server Error";
    case "hang":
      reply.hijack();
      return payload;
    case "reset":
      reply.hijack();
      reply.raw.socket?.destroy();
      return payload;
    case "truncate": {
      const body =
        typeof payload === "string" || Buffer.isBuffer(payload) ? Buffer.from(payload) : Buffer.alloc(64);
      reply.hijack();
      reply.raw.writeHead(reply.statusCode, {
        "content-type": "application/json",
        "content-length": body.length,
      });
      reply.raw.write(body.subarray(0, body.length >> 1), () => reply.raw.socket?.destroy());
      return payload;
    }
  }
}

const AFTERWARDS = { error: 500, refuse: 422, unauthorized: 401 } as const;

function delay(ms: number): Promise<void> {
  return new Promise((done) => {
    setTimeout(done, ms).unref();
  });
}
