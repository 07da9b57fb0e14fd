import assert from "node:assert/strict";
import { test } from "node:test";

import { EngineError } from "./engine.ts";
import { explainEngineFailure } from "./explain-failure.ts";

const failed = (code: string): EngineError =>
  new EngineError(null, "no", { cause: Object.assign(new Error("no"), { code }) });

test("what would help is said of the engine that the socket is of", () => {
  const remedyOf = (code: string, socket: string): string =>
    explainEngineFailure(failed(code), socket).remedy;
  assert.match(remedyOf("ECONNREFUSED", "/var/run/docker.sock"), /`systemctl start docker`/u);
  assert.match(remedyOf("ECONNREFUSED", "/run/podman/podman.sock"), /`systemctl start podman\.socket`/u);
  assert.match(remedyOf("EPIPE", "/var/run/docker.sock"), /`journalctl -u docker`/u);
  assert.match(remedyOf("EPIPE", "/run/user/7/podman/podman.sock"), /`journalctl -u podman`/u);
});
