import assert from "node:assert/strict";
import path from "node:path";
import { it } from "node:test";

import { fakeEngine } from "../../testing/fake-engine.ts";
import { EngineError } from "./engine.ts";

const ANSWERS: Readonly<Record<string, string>> = {
  one: '{"error":"no such layer","errorDetail":{"message":"no such layer"}}\r\n',
  many: '{"status":"begun"}\r\n{"error":"no such layer"}\r\n',
  done: '{"status":"begun"}\r\n{"stream":"loaded"}\r\n',
  state: '{"State":{"Error":""},"Error":null}\n',
};

it("a complaint in an answer that began well is one, in one line or in many", async (t) => {
  const engine = await fakeEngine(t, (request, response) => {
    response.end(ANSWERS[path.basename(request.url ?? "")]);
  });
  for (const name of ["one", "many"]) {
    await assert.rejects(
      engine.ask("POST", `/${name}`),
      (error) => error instanceof EngineError && error.status === 500 && error.message === "no such layer",
    );
  }
  assert.deepEqual(await engine.ask("POST", "/done"), { stream: "loaded" });
  assert.deepEqual(await engine.ask("GET", "/state"), { State: { Error: "" }, Error: null });
});

it("an engine that wants a later version of its API than Docker 20.10 has gets it", async (t) => {
  const asked: string[] = [];
  const engine = await fakeEngine(t, (request, response) => {
    const url = request.url ?? "";
    asked.push(url);
    response.statusCode = url.startsWith("/v1.44/") ? 200 : 400;
    response.end(
      response.statusCode === 200
        ? "{}"
        : JSON.stringify({
            message:
              "client version 1.41 is too old. Minimum supported API version is 1.44, please upgrade your client to a newer version",
          }),
    );
  });
  const both = await Promise.all([engine.ask("GET", "/version"), engine.ask("GET", "/info")]);
  assert.deepEqual(both, [{}, {}]);
  assert.deepEqual(await engine.ask("POST", "/containers/create", { json: {} }), {});
  for await (const _ of engine.follow("/events", {}, new AbortController().signal)) assert.fail("none");
  assert.ok(
    asked.slice(-2).every((url) => url.startsWith("/v1.44/")),
    asked.join(" "),
  );
});
