import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, suite, test } from "node:test";

import type { Descriptor } from "../../src/packages/images/descriptor.ts";
import { type ImageStore, openImageStore } from "../../src/packages/images/image-store.ts";
import { parseReference } from "../../src/packages/images/reference.ts";
import { type RegistryServer, startDockerRegistry } from "../fixtures/docker-registry.ts";
import { putImage } from "../fixtures/put-image.ts";
import { tarArchive } from "../fixtures/tar-archive.ts";

const ROOT = path.resolve(import.meta.dirname, "../..");
const WHISKERS = path.join(ROOT, "whiskers");
const PASSWORD = { COSIGN_PASSWORD: "pässword" };

const missing = ["docker-registry", "openssl"].filter((name) => spawnSync("which", [name]).status !== 0);
const skip = missing.length === 0 ? false : `not installed: ${missing.join(", ")}`;

suite("trust", { skip }, () => {
  let folder = "";
  let registry: RegistryServer;
  let store: ImageStore;
  let image: Descriptor;
  const at = (...names: readonly string[]): string => path.join(folder, ...names);

  before(async () => {
    folder = mkdtempSync(path.join(tmpdir(), "whiskers-trust-"));
    registry = await startDockerRegistry();
    store = await openImageStore(at("home"));
    image = await putImage(store, { layers: [tarArchive([{ name: "a", content: "1" }])] });
    await store.tag(parseReference(`${registry.host}/team/image:1`), image);
    assert.equal(run(["keygen", at("team")], PASSWORD).status, 0);
    execFileSync(
      "openssl",
      ["ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", at("plain.pem")],
      {
        stdio: "pipe",
      },
    );
    execFileSync("openssl", ["ec", "-in", at("plain.pem"), "-pubout", "-out", at("plain.pub")], {
      stdio: "pipe",
    });
    assert.equal(run(["push", `${registry.host}/team/image:1`]).status, 0);
  });
  after(async () => {
    await registry[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  });

  test("a key pair is made once, and the private key is for its owner alone", () => {
    assert.equal(statSync(at("team.key")).mode & 0o777, 0o600);
    assert.match(readFileSync(at("team.key"), "utf8"), /^-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\n/u);
    const again = run(["keygen", at("team")], PASSWORD);
    assert.equal(again.status, 2);
    assert.match(again.stderr, /is there already/u);
    assert.match(run(["keygen", at("other")]).stderr, /COSIGN_PASSWORD is not set/u);
  });

  test("what is signed in either form verifies by its key and by no other", () => {
    const name = `${registry.host}/team/image:1`;
    const unsigned = run(["verify", name, "--key", at("team.pub")]);
    assert.equal(unsigned.status, 2);
    assert.match(unsigned.stderr, /has no signatures at all \(signature-missing\)/u);
    const signed = json(["sign", name, "--key", at("team.key"), "--form", "both"], PASSWORD);
    assert.deepEqual(signed, { digest: image.digest, signed: ["bundle", "tag"] });
    assert.deepEqual(json(["sign", name, "--key", at("team.key"), "--form", "both"], PASSWORD).signed, []);
    const wrong = run(["verify", name, "--key", at("plain.pub")]);
    assert.match(wrong.stderr, /no signature by .*plain\.pub: of those that it has, .*by another key/u);
    assert.deepEqual(json(["sign", name, "--key", at("plain.pem")]).signed, ["bundle"]);
    const verified = json(["verify", name, "--key", at("team.pub"), "--key", at("plain.pub")]);
    assert.equal(verified.digest, image.digest);
    assert.deepEqual(
      new Set(verified.signatures.map((each: { key: string }) => each.key)),
      new Set([at("team.pub"), at("plain.pub")]),
    );
  });

  test("an image of the local store is signed there, and its signature goes along with a push", async () => {
    const other = await putImage(store, { layers: [tarArchive([{ name: "a", content: "2" }])] });
    const name = `${registry.host}/team/other:1`;
    await store.tag(parseReference(name), other);
    assert.deepEqual(
      json(["sign", name, "--local", "--key", at("team.key"), "--form", "both"], PASSWORD).signed,
      ["bundle", "tag"],
    );
    assert.equal(json(["verify", name, "--local", "--key", at("team.pub")]).digest, other.digest);
    assert.equal(json(["push", name]).attached, 2);
    assert.equal(json(["verify", name, "--key", at("team.pub")]).digest, other.digest);
  });

  test("a tag that names another image in the registry is not signed", async () => {
    const moved = await putImage(store, { layers: [tarArchive([{ name: "a", content: "3" }])] });
    await store.tag(parseReference(`${registry.host}/team/image:1`), moved);
    const { status, stderr } = run(
      ["sign", `${registry.host}/team/image:1`, "--key", at("team.key")],
      PASSWORD,
    );
    assert.equal(status, 2);
    assert.match(stderr, /in its registry: push it first/u);
    await store.tag(parseReference(`${registry.host}/team/image:1`), image);
  });

  test("under a policy only what is signed is pulled and run, and no folder where that is refused", () => {
    mkdirSync(at("normalizer"));
    const manifest = { id: "hello", name: "Hello", environment: "python", entrypoint: "normalize" };
    writeFileSync(at("normalizer/normalizer.json"), JSON.stringify(manifest));
    writeFileSync(
      at("normalizer/normalize.py"),
      'def run(meta, raw):\n    yield {"object_type": "Network", "name": "n"}\n',
    );
    const name = `${registry.host}/team/hello:1`;
    json(["build", at("normalizer"), "--base", "none", "-t", name]);
    json(["push", name]);
    const rules = [{ match: `${registry.host}/team/*`, keys: ["team.pub"] }];
    writeFileSync(at("policy.json"), JSON.stringify({ local: "refuse", images: rules }));
    writeFileSync(at("raw"), "x");
    const held = { WHISKERS_TRUST_POLICY: at("policy.json"), WHISKERS_HOME: at("held") };
    for (const args of [
      ["pull", name],
      ["run", name, at("raw")],
      ["run", at("normalizer"), at("raw")],
    ]) {
      const { status, stderr } = run(args, held);
      assert.equal(status, 2, stderr);
      assert.match(stderr, /\(trust-refused\)/u);
    }
    assert.deepEqual(readdirSync(at("held/images/roots")), []);
    json(["sign", name, "--key", at("team.key")], PASSWORD);
    assert.equal(run(["run", name, at("raw")], held).status, 0);
    writeFileSync(at("policy.json"), JSON.stringify({ local: "refuse", image: rules }));
    assert.match(run(["run", name, at("raw")], held).stderr, /there is no "image".*\(config-invalid\)/u);
  });

  test("keys that cannot be used are refused with the reason", () => {
    writeFileSync(
      at("p384.pem"),
      execFileSync("openssl", ["ecparam", "-name", "secp384r1", "-genkey", "-noout"], { stdio: "pipe" }),
    );
    const sign = (key: string, env = {}): string =>
      run(["sign", `${registry.host}/team/image:1`, "--key", at(key)], env).stderr;
    assert.match(sign("team.key"), /COSIGN_PASSWORD is not set \(key-unusable\)/u);
    assert.match(sign("p384.pem"), /a key of type ec secp384r1/u);
  });

  function run(
    args: readonly string[],
    env: NodeJS.ProcessEnv = {},
  ): { status: number | null; stdout: string; stderr: string } {
    return spawnSync(WHISKERS, args, {
      encoding: "utf8",
      env: { PATH: process.env["PATH"], HOME: folder, WHISKERS_HOME: at("home"), ...env },
      timeout: 300_000,
    });
  }

  function json(args: readonly string[], env: NodeJS.ProcessEnv = {}): any {
    const { status, stdout, stderr } = run([...args, "--json"], env);
    assert.equal(status, 0, stderr);
    return JSON.parse(stdout);
  }
});
