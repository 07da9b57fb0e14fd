import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import path from "node:path";
import { it } from "node:test";

import { Engine, EngineError } from "./engine.ts";

const ANSWERS: Readonly<Record<string, string>> = {
  one: '{"error":"no such layer","errorDetail":{"message":"no such layer"}}\r\n',
  many: '{"status":"begun"}\r\n{"error":"no such layer"}\r\n',
  done: '{"status":"begun"}\r\n{"stream":"loaded"}\r\n',
  state: '{"State":{"Error":""},"Error":null}\n',
};

it("a complaint in an answer that began well is one, in one line or in many", async (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), "whiskers-engine-test-"));
  const socket = path.join(folder, "engine.sock");
  const server = createServer((request, response) => {
    response.end(ANSWERS[path.basename(request.url ?? "")]);
  });
  server.listen(socket);
  await once(server, "listening");
  const engine = new Engine(socket);
  t.after(async () => {
    await engine.close();
    server.close();
    rmSync(folder, { recursive: true, force: true });
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
