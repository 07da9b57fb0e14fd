import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
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

const NOBODY = 65_534;
const skip = process.geteuid?.() === 0 ? false : "it becomes another user";

test("of two engines a user gets the one that he may use", { skip }, async () => {
  const folder = mkdtempSync(path.join(tmpdir(), "whiskers-socket-"));
  chmodSync(folder, 0o755);
  const servers = [createServer(), createServer()];
  const [roots = "", users = ""] = ["roots.sock", "users.sock"].map((name) => path.join(folder, name));
  const code = `
    const { findSocket } = await import(${JSON.stringify(path.join(import.meta.dirname, "find-socket.ts"))});
    console.log(findSocket(null, {}, ${JSON.stringify([roots, users])}));`;
  const args = ["--input-type=module", "--eval", code];
  const found = (): string =>
    spawnSync(process.execPath, args, { encoding: "utf8", uid: NOBODY, gid: NOBODY }).stdout.trim();
  try {
    for (const [index, file] of [roots, users].entries()) {
      await new Promise<void>((resolve) => servers[index]?.listen(file, resolve));
      chmodSync(file, index === 0 ? 0o600 : 0o666);
    }
    assert.equal(found(), users);
    chmodSync(users, 0o600);
    assert.equal(found(), roots, "whose failure says what to do");
  } finally {
    for (const server of servers) server.close();
    rmSync(folder, { recursive: true, force: true });
  }
});
