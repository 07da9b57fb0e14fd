import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";

import { findSocket } from "./find-socket.ts";

test("the engine's socket is the one that was named, else one of the usual", async () => {
  assert.equal(findSocket("unix:///a/b.sock", {}), "/a/b.sock");
  assert.equal(findSocket("tcp://elsewhere:2375", {}), null);
  assert.equal(findSocket("ssh://elsewhere", {}), null);
  const folder = mkdtempSync(path.join(tmpdir(), "whiskers-socket-"));
  const server = createServer();
  try {
    const rootless = path.join(folder, "docker.sock");
    await new Promise<void>((resolve) => server.listen(rootless, resolve));
    const found = findSocket(null, { XDG_RUNTIME_DIR: folder });
    assert.ok(found === rootless || found === "/var/run/docker.sock");
  } finally {
    server.close();
    rmSync(folder, { recursive: true, force: true });
  }
});
