import assert from "node:assert/strict";
import { createHash, createPublicKey } from "node:crypto";
import { readFileSync } from "node:fs";
import { suite, test } from "node:test";

import { startNastyRegistry } from "../../../test/fixtures/nasty-registry.ts";
import { REGISTRY_OPTIONS } from "../../../test/fixtures/registry-options.ts";
import { MEDIA_TYPES } from "../images/descriptor.ts";
import { parseReference } from "../images/reference.ts";
import { openRegistryClient } from "../registry/registry-client.ts";
import { findSigners } from "./find-signers.ts";
import { generateKeyPair, readPrivateKey } from "./private-key.ts";
import { keyId, readPublicKey } from "./public-key.ts";
import { registrySignatures } from "./signature-source.ts";
import { signatureTag } from "./simple-signing.ts";

/** What cosign 3.0.2 made: a key pair with the password `secret`, an image signed in both forms in Debian's registry. */
const golden = (name: string): Buffer =>
  readFileSync(new URL(`../../../test/fixtures/cosign/${name}.golden`, import.meta.url));
const digestOf = (text: Buffer): string => `sha256:${createHash("sha256").update(text).digest("hex")}`;

suite("what cosign made", () => {
  test("its private key is read with its password and with no other, and belongs to its public key", async () => {
    const text = golden("cosign.key").toString("utf8");
    const key = await readPrivateKey(text, "secret", "cosign.key");
    assert.equal(keyId(createPublicKey(key)), readPublicKey(golden("cosign.pub").toString("utf8"), "").id);
    await assert.rejects(readPrivateKey(text, "Secret", "x"), {
      code: "key-unusable",
      message: /is not its password/u,
    });
    await assert.rejects(readPrivateKey(text, null, "x"), {
      code: "key-unusable",
      message: /COSIGN_PASSWORD is not set/u,
    });
  });

  test("its bundle and its older signature hold, as it left them in a registry", async () => {
    const manifest = golden("manifest");
    const digest = digestOf(manifest);
    await using registry = await startNastyRegistry();
    const put = (name: string, text: Buffer, mediaType: string): void =>
      void registry.manifests.set(name, { mediaType, text });
    put(digest.replace(":", "-"), golden("referrers"), MEDIA_TYPES.index);
    put(digestOf(golden("bundle-manifest")), golden("bundle-manifest"), MEDIA_TYPES.manifest);
    put(signatureTag(digest), golden("signatures-manifest"), MEDIA_TYPES.manifest);
    for (const name of ["bundle", "payload"]) registry.blobs.set(digestOf(golden(name)), golden(name));
    const client = openRegistryClient(REGISTRY_OPTIONS);
    const { signal } = new AbortController();
    const source = registrySignatures(client, parseReference(`${registry.host}/team/img2:1`));
    const keys = [readPublicKey(golden("cosign.pub").toString("utf8"), "cosign.pub")];
    for (const form of ["bundle", "tag"] as const) {
      const { signatures, problems } = await findSigners(
        source,
        { digest, text: manifest },
        keys,
        signal,
        form,
      );
      assert.deepEqual([signatures.map((each) => each.form), problems], [[form], []]);
    }
    await client.close();
  });
});

suite("private keys", () => {
  test("one of ours is cosign's format", async () => {
    const pair = await generateKeyPair("pässword");
    const shape = (text: string): unknown => {
      const body = JSON.parse(Buffer.from(text.split("-----")[2] ?? "", "base64").toString("utf8"));
      return [
        text.split("\n")[0],
        Object.keys(body),
        body.kdf.name,
        body.kdf.params,
        body.kdf.salt.length,
        body.cipher.name,
        body.cipher.nonce.length,
        body.ciphertext.length,
      ];
    };
    assert.deepEqual(shape(pair.privateKey), shape(golden("cosign.key").toString("utf8")));
    const key = await readPrivateKey(pair.privateKey, "pässword", "x");
    assert.equal(keyId(createPublicKey(key)), readPublicKey(pair.publicKey, "").id);
  });

  test("a file that asks for too much, or holds something else, is refused at once", async () => {
    const usual = JSON.parse(
      Buffer.from(golden("cosign.key").toString("utf8").split("-----")[2] ?? "", "base64").toString("utf8"),
    );
    const file = (document: unknown): string =>
      `-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\n${Buffer.from(JSON.stringify(document)).toString("base64")}\n-----END ENCRYPTED SIGSTORE PRIVATE KEY-----\n`;
    const refused: readonly (readonly [string, RegExp])[] = [
      [file({ ...usual, kdf: { ...usual.kdf, params: { N: 2 ** 30, r: 8, p: 1 } } }), /other parameters/u],
      [file({ ...usual, kdf: { ...usual.kdf, params: { N: 2 ** 16, r: 8, p: 1000 } } }), /other parameters/u],
      [file({ ...usual, kdf: { ...usual.kdf, name: "md5" } }), /in another way/u],
      [file({ ...usual, cipher: { ...usual.cipher, nonce: "AAAA" } }), /of another length/u],
      [file({ ...usual, ciphertext: 1 }), /missing/u],
      [file([]), /in another way/u],
      [file(usual).replace(/\n.*\n/u, "\n!\n"), /no JSON/u],
      ["key", /it is no PEM/u],
      ["-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", /no private key that can be read/u],
    ];
    for (const [text, message] of refused) {
      await assert.rejects(readPrivateKey(text, "secret", "x"), { code: "key-unusable", message });
    }
  });
});
