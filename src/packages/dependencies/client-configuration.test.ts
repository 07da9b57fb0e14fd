import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";

import { clientConfiguration } from "./client-configuration.ts";

test("clients are told where packages come from, and nothing else", (t) => {
  const home = mkdtempSync(path.join(tmpdir(), "whiskers-client-"));
  t.after(() => {
    rmSync(home, { recursive: true });
  });
  mkdirSync(path.join(home, ".config/pip"), { recursive: true });
  for (const name of [".npmrc", ".config/pip/pip.conf", "ca.pem", ".bash_history", ".netrc"]) {
    writeFileSync(path.join(home, name), "x");
  }
  const passed = {
    PIP_INDEX_URL: "http://index.example/simple",
    PIP_CERT: path.join(home, "ca.pem"),
    npm_config_registry: "http://registry.example",
    "npm_config_//registry.example/:_authToken": "token",
    NO_PROXY: "localhost",
  };
  const kept = {
    BYTES_PASSWORD: "secret",
    AWS_SECRET_ACCESS_KEY: "secret",
    DATABASE_URL: "secret",
    PIP_TARGET: "/elsewhere",
    npm_config_prefix: "/elsewhere",
    npm_config_ignore_scripts: "false",
    NODE_OPTIONS: "--require /elsewhere",
    PYTHONPATH: "/elsewhere",
    WHISKERS_HOME: "/elsewhere",
  };
  const client = clientConfiguration({ ...passed, ...kept, HOME: home });
  assert.partialDeepStrictEqual(client.env, passed);
  for (const name of Object.keys(kept)) assert.ok(!(name in client.env), name);
  assert.equal(client.env["HOME"], "/whiskers/home");
  assert.deepEqual(client.readable, [{ source: passed.PIP_CERT, target: passed.PIP_CERT }]);
  const own = client.homeFiles.filter(({ source }) => source.startsWith(home));
  assert.deepEqual(
    own.map(({ name }) => name),
    [".config/pip/pip.conf", ".npmrc"],
  );
});
