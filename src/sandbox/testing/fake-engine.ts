import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { RequestListener } from "node:http";
import { tmpdir } from "node:os";
import path from "node:path";
import type { TestContext } from "node:test";

import { Engine } from "../drivers/docker/engine.ts";

/** An engine that answers as a test says, until the test is over. */
export async function fakeEngine(t: TestContext, answer: RequestListener): Promise<Engine> {
  const folder = mkdtempSync(path.join(tmpdir(), "whiskers-engine-test-"));
  const socket = path.join(folder, "engine.sock");
  const server = createServer(answer);
  server.listen(socket);
  await once(server, "listening");
  const engine = new Engine(socket);
  t.after(async () => {
    await engine.close();
    server.close();
    rmSync(folder, { recursive: true, force: true });
  });
  return engine;
}
