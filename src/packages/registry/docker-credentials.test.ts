import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { suite, test, type TestContext } from "node:test";

import { dockerCredentials } from "./docker-credentials.ts";

const AUTH = Buffer.from("nora:se:cret").toString("base64");
const NORA = { kind: "password", username: "nora", password: "se:cret" };

suite("Docker's credentials", () => {
  for (const [key, registry, isFound] of [
    ["registry.example", "registry.example", true],
    ["registry.example:5000", "registry.example:5000", true],
    ["https://registry.example", "registry.example", true],
    ["https://registry.example/v1/", "registry.example", true],
    ["https://index.docker.io/v1/", "docker.io", true],
    ["docker.io", "docker.io", true],
    ["registry.example", "registry.example:5000", false],
    ["registry.example:5000", "registry.example", false],
    ["example", "registry.example", false],
    ["registry.example.org", "registry.example", false],
    ["registry.example/team", "registry.example", false],
    ["https://index.docker.io/v1/", "registry-1.docker.io", false],
    ["docker.io", "registry.example", false],
  ] as const) {
    test(`an entry for ${key} ${isFound ? "is" : "is not"} for ${registry}`, async (t) => {
      const folder = configIn(t, { auths: { [key]: { auth: AUTH } } });
      assert.deepEqual(await dockerCredentials(folder, registry), isFound ? NORA : null);
    });
  }

  test("no file, no entry and an empty entry are no credentials", async (t) => {
    assert.equal(await dockerCredentials(path.join(tmpdir(), "nowhere-at-all"), "a.b"), null);
    for (const config of [{}, { auths: { "a.b": {} } }, { auths: { "a.b": { auth: "" } } }, { auths: [] }]) {
      assert.equal(await dockerCredentials(configIn(t, config), "a.b"), null);
    }
  });

  test("a broken file or entry is said, without what is in it", async (t) => {
    for (const config of [
      '{"auths": secret',
      { auths: { "a.b": { auth: "c2VjcmV0" } } },
      { credsStore: "../secret/x" },
    ]) {
      await assert.rejects(dockerCredentials(configIn(t, config), "a.b"), (error) => {
        assert.ok(error instanceof Error && "code" in error && error.code === "registry-credentials");
        assert.match(error.message, /config\.json/u);
        assert.doesNotMatch(error.message, /^(?!.*credential helper).*secret/u);
        return true;
      });
    }
    await assert.rejects(
      dockerCredentials(configIn(t, { credsStore: "nowhere-at-all" }), "a.b"),
      /cannot be started/u,
    );
  });
});

function configIn(t: TestContext, config: unknown): string {
  const folder = mkdtempSync(path.join(tmpdir(), "whiskers-docker-"));
  t.after(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  writeFileSync(
    path.join(folder, "config.json"),
    typeof config === "string" ? config : JSON.stringify(config),
  );
  return folder;
}
