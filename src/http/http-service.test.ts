import assert from "node:assert/strict";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { suite, test } from "node:test";

import { WhiskersError } from "../errors.ts";
import {
  type FailureKind,
  type HttpService,
  jsonOf,
  openHttpService,
  type UpstreamFailure,
} from "./http-service.ts";
import { retrying } from "./retrying.ts";

const NEVER = new AbortController().signal;

suite("an HTTP service", () => {
  test("§3.1 §10.18 keeps its connections and its path prefix", async () => {
    const sockets = new Set<unknown>();
    await withService(
      (request, response) => {
        sockets.add(request.socket);
        response.end(JSON.stringify({ url: request.url }));
      },
      async (service) => {
        for (let n = 0; n < 20; n += 1) {
          const query = { valid_time: "2026-01-01T00:00:00+00:00" };
          const answer = await service.send({
            endpoint: "x",
            method: "GET",
            path: "/x",
            query,
            signal: NEVER,
          });
          assert.deepEqual(jsonOf(service, "x", answer), {
            url: "/prefix/x?valid_time=2026-01-01T00%3A00%3A00%2B00%3A00",
          });
        }
      },
    );
    // A request may be sent in the turn in which the answer before it ends: then a second one is opened.
    assert.ok(sockets.size <= 2, `${sockets.size} connections`);
  });

  for (const [status, code] of [
    [500, "upstream-unavailable"],
    [503, "upstream-unavailable"],
    [429, "upstream-unavailable"],
    [400, "upstream-refused"],
    [404, "upstream-refused"],
    [422, "upstream-refused"],
  ] as const) {
    test(`§1.6 §2.2 §3.1 ${status} is ${code}, with what the service said, on one line`, async () => {
      await withService(
        (_request, response) => response.writeHead(status).end("because\n\u001b[31mof this"),
        async (service) => {
          const answer = await service.send({ endpoint: "x", method: "GET", path: "/", signal: NEVER });
          assert.throws(
            () => jsonOf(service, "a thing", answer),
            isError(code, /a thing with \d+: because \[31mof this$/u),
          );
        },
      );
    });
  }

  test("a body cut short, a reset and no answer are upstream-unavailable", async () => {
    const answers: readonly RequestListener[] = [
      (_request, response) => {
        response.writeHead(200, { "content-length": "100" });
        response.write("{", () => response.destroy());
      },
      (request) => request.socket.destroy(),
      () => {},
    ];
    for (const answer of answers) {
      await withService(answer, async (service) => {
        await assert.rejects(
          service.send({ endpoint: "x", method: "GET", path: "/", signal: NEVER }),
          isError("upstream-unavailable", /^Test gave no answer to GET \//u),
        );
      });
    }
  });

  test("every failure is counted once, by endpoint and kind; what succeeds or is cancelled is not", async () => {
    const get = { endpoint: "things", method: "GET", path: "/", signal: NEVER } as const;
    const answers: readonly (readonly [kind: FailureKind | null, RequestListener])[] = [
      [null, (_request, response) => response.end("{}")],
      ["5xx", (_request, response) => response.writeHead(503).end()],
      ["401", (_request, response) => response.writeHead(401).end()],
      ["4xx", (_request, response) => response.writeHead(422).end()],
      ["malformed", (_request, response) => response.end("<html>")],
      ["malformed", (_request, response) => response.writeHead(302).end()],
      ["reset", (request) => request.socket.destroy()],
      ["reset", (_request, response) => response.writeHead(200, { "content-length": "9" }).write("{", () => response.destroy())],
      ["timeout", () => {}],
    ]; // prettier-ignore
    for (const [kind, answer] of answers) {
      const failures: UpstreamFailure[] = [];
      const onFailure = (failure: UpstreamFailure): void => void failures.push(failure);
      const read = async (service: HttpService): Promise<void> => {
        const got = await service.send(get).catch(() => null);
        if (got !== null && kind === null) jsonOf(service, "x", got);
        else if (got !== null) assert.throws(() => jsonOf(service, "x", got));
      };
      await withService(answer, read, onFailure);
      assert.deepEqual(failures, kind === null ? [] : [{ service: "Test", endpoint: "things", kind }]);
    }
    const failures: UpstreamFailure[] = [];
    const nobody = openHttpService({
      name: "Test",
      baseUrl: "http://127.0.0.1:1",
      timeoutMs: 300,
      onFailure: (failure) => void failures.push(failure),
    });
    await assert.rejects(nobody.send(get));
    assert.deepEqual(
      failures.map(({ kind }) => kind),
      ["unreachable"],
    );
    await nobody.close();
    const cancelled: UpstreamFailure[] = [];
    await withService(
      () => {},
      async (service) => {
        await assert.rejects(service.send({ ...get, signal: AbortSignal.timeout(20) }));
      },
      (failure) => void cancelled.push(failure),
    );
    assert.deepEqual(cancelled, []);
  });

  test("text that is no JSON may be a proxy's page: it may help to try again", async () => {
    await withService(
      (_request, response) => response.end("<html>"),
      async (service) => {
        const answer = await service.send({ endpoint: "x", method: "GET", path: "/", signal: NEVER });
        assert.throws(() => jsonOf(service, "x", answer), isError("upstream-unavailable", /no JSON/u));
      },
    );
  });

  test("an abort cancels", async () => {
    await withService(
      () => {},
      async (service) => {
        await assert.rejects(
          service.send({ endpoint: "x", method: "GET", path: "/", signal: AbortSignal.timeout(20) }),
          isError("cancelled", /cancelled/u),
        );
      },
    );
  });
});

suite("retrying", () => {
  const policy = { attempts: 4, baseMs: 1, capMs: 2 };
  const failing = (code: "upstream-unavailable" | "upstream-refused", until: number) => (attempt: number) =>
    attempt < until ? Promise.reject(new WhiskersError(code, String(attempt))) : Promise.resolve(attempt);

  test("tries again what may succeed later", async () => {
    assert.equal(await retrying(policy, NEVER, failing("upstream-unavailable", 4)), 4);
  });
  test("gives up after its attempts, with the last error", async () => {
    await assert.rejects(
      retrying(policy, NEVER, failing("upstream-unavailable", 5)),
      isError("upstream-unavailable", /^4$/u),
    );
  });
  test("does not try again what would fail again", async () => {
    await assert.rejects(
      retrying(policy, NEVER, failing("upstream-refused", 2)),
      isError("upstream-refused", /^1$/u),
    );
  });
  test("an abort ends the wait", async () => {
    // So long that its random part is not short by chance.
    const slow = { attempts: 2, baseMs: 2_000_000_000, capMs: 2_000_000_000 };
    await assert.rejects(
      retrying(slow, AbortSignal.timeout(20), failing("upstream-unavailable", 9)),
      isError("upstream-unavailable", /^1$/u),
    );
  });
});

function isError(code: WhiskersError["code"], message: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof WhiskersError);
    assert.equal(error.code, code);
    assert.match(error.message, message);
    return true;
  };
}

async function withService(
  listener: RequestListener,
  use: (service: HttpService) => Promise<void>,
  onFailure?: (failure: UpstreamFailure) => void,
): Promise<void> {
  const server: Server = createServer(listener);
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const { port } = server.address() as AddressInfo;
  const service = openHttpService({
    name: "Test",
    baseUrl: `http://127.0.0.1:${port}/prefix/`,
    timeoutMs: 300,
    ...(onFailure === undefined ? {} : { onFailure }),
  });
  try {
    await use(service);
  } finally {
    await service.close();
    server.closeAllConnections();
    server.close();
  }
}
