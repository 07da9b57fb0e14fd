import assert from "node:assert/strict";
import { sign } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, suite, test, type TestContext } from "node:test";

import {
  digestOf,
  type NastyRegistry,
  startNastyRegistry,
  type Trick,
} from "../../../test/fixtures/nasty-registry.ts";
import { putImage } from "../../../test/fixtures/put-image.ts";
import { tarArchive } from "../../../test/fixtures/tar-archive.ts";
import { keyPair, type Pair } from "../../../test/fixtures/key-pair.ts";
import { REGISTRY_OPTIONS } from "../../../test/fixtures/registry-options.ts";
import type { Descriptor } from "../images/descriptor.ts";
import { MEDIA_TYPES } from "../images/descriptor.ts";
import { type ImageStore, openImageStore } from "../images/image-store.ts";
import { parseReference, type Reference } from "../images/reference.ts";
import { openRegistryClient, type RegistryClient } from "../registry/registry-client.ts";
import { pushImage } from "../registry/push-image.ts";
import { registryTarget } from "../registry/registry-ends.ts";
import { type FoundSigners, findSigners } from "./find-signers.ts";
import type { PublicKey } from "./public-key.ts";
import { pushAttachment } from "./push-attachment.ts";
import { signImage } from "./sign-image.ts";
import { registrySignatures } from "./signature-source.ts";
import { makeBundle, SIGSTORE_BUNDLE } from "./sigstore-bundle.ts";
import { makeSimpleSignature, SIMPLE_SIGNING, signatureTag } from "./simple-signing.ts";

const NEVER = new AbortController().signal;
const timeout = 120_000;

/** Lists what refers to a digest, as registries do that have the API. */
const withReferrers: Trick = ({ url = "" }, response, { manifests }) => {
  const subject = /\/referrers\/(sha256:[0-9a-f]+)$/u.exec(url)?.[1];
  if (subject === undefined) return false;
  const found = new Map<string, object>();
  for (const { text } of manifests.values()) {
    const { subject: of, mediaType, artifactType, annotations } = JSON.parse(text.toString("utf8"));
    if (of?.digest !== subject) continue;
    found.set(digestOf(text), {
      mediaType,
      digest: digestOf(text),
      size: text.length,
      artifactType,
      annotations,
    });
  }
  const body = JSON.stringify({
    schemaVersion: 2,
    mediaType: MEDIA_TYPES.index,
    manifests: [...found.values()],
  });
  response.writeHead(200, { "content-type": MEDIA_TYPES.index }).end(body);
  return true;
};

suite("signatures", { timeout: 600_000 }, () => {
  let folder = "";
  let store: ImageStore;
  let image: Descriptor;
  let text: Buffer;
  const [own, other] = [keyPair("own"), keyPair("other")];

  before(async () => {
    folder = mkdtempSync(path.join(tmpdir(), "whiskers-signatures-"));
    store = await openImageStore(folder);
    image = await putImage(store, { layers: [tarArchive([{ name: "a", content: "1" }])] });
    text = await store.read(image.digest, 1e6);
  });
  after(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  for (const [name, trick] of [
    ["with the referrers API", withReferrers],
    ["without it, by the fallback tag", (): boolean => false],
  ] as const) {
    test(`both forms are found in a registry ${name}`, { timeout }, async (t) => {
      const there = await pushed(t, trick);
      await signThere(there, own, "bundle");
      await signThere(there, other, "bundle");
      await signThere(there, own, "tag");
      await signThere(there, other, "tag");
      const { signatures, problems } = await found(there, [own, other], "bundle");
      assert.deepEqual(signatures.map(({ key }) => key.name).toSorted(), ["other", "own"]);
      assert.equal(problems.length, 0);
      const older = await found(there, [own, other], "tag");
      assert.deepEqual(older.signatures.map(({ key }) => key.name).toSorted(), ["other", "own"]);
      const stranger = keyPair("stranger");
      const none = await found(there, [stranger]);
      assert.equal(none.signatures.length, 0);
      assert.ok(none.problems.every((problem) => problem.includes("it is by another key")));
      const removed = there.registry.requests.length;
      assert.equal(
        await there.client.deleteManifest({ ...there.reference, tag: null, digest: image.digest }, NEVER),
        true,
      );
      assert.match(there.registry.requests[removed] ?? "", /^DELETE \/v2\/team\/image\/manifests\/sha256:/u);
    });
  }

  /** What one who may push, and has no key, can leave behind. Each hides nothing, and passes for nothing. */
  const FORGERIES: Readonly<Record<string, (there: There) => unknown>> = {
    "a bundle of another image by the right key": (there) =>
      attach(there, makeBundle(`sha256:${"0".repeat(64)}`, own.privateKey)),
    "a statement about the image by the right key that is no signature": (there) =>
      attach(there, statement({ predicateType: "https://cyclonedx.org/bom" })),
    "a statement of another kind than in-toto": (there) => attach(there, statement({ _type: "x" })),
    "a statement of the right key about nothing": (there) => attach(there, statement({ subject: [] })),
    "a bundle of 2 MiB": (there) => attach(there, Buffer.alloc(2 * 2 ** 20, " ")),
    "a bundle that is no JSON": (there) => attach(there, Buffer.from("{")),
    "a bundle nested 100,000 deep": (there) => attach(there, Buffer.from("[".repeat(100_000))),
    "a bundle of a version to come": (there) =>
      attach(there, Buffer.from('{"mediaType":"application/vnd.dev.sigstore.bundle.v9+json"}')),
    "a bundle with a thousand signatures": (there) => {
      const bundle = JSON.parse(makeBundle(image.digest, own.privateKey).toString("utf8"));
      bundle.dsseEnvelope.signatures = Array.from({ length: 1000 }, () => ({ sig: "AAAA" }));
      return attach(there, Buffer.from(JSON.stringify(bundle)));
    },
    "a signature that is cut off": (there) => {
      const bundle = JSON.parse(makeBundle(image.digest, own.privateKey).toString("utf8"));
      bundle.dsseEnvelope.signatures[0].sig = bundle.dsseEnvelope.signatures[0].sig.slice(0, 40);
      return attach(there, Buffer.from(JSON.stringify(bundle)));
    },
    "a signature that names the right key and is by another": (there) => {
      const bundle = JSON.parse(makeBundle(image.digest, other.privateKey).toString("utf8"));
      bundle.verificationMaterial.publicKey.hint = own.id;
      return attach(there, Buffer.from(JSON.stringify(bundle)));
    },
    "a bundle whose blob is another": async (there) => {
      const digest = await attach(there, makeBundle(image.digest, own.privateKey));
      there.registry.blobs.set(
        digest,
        Buffer.from("x".repeat(there.registry.blobs.get(digest)?.length ?? 0)),
      );
    },
    "a bundle whose blob is not there": async (there) => {
      there.registry.blobs.delete(await attach(there, makeBundle(image.digest, own.privateKey)));
    },
    "an older signature of another image by the right key": (there) => {
      const { payload, signature } = makeSimpleSignature(
        there.reference,
        `sha256:${"1".repeat(64)}`,
        own.privateKey,
      );
      putTag(there, payload, signature);
    },
    "an older signature with the text of another": (there) => {
      const { signature } = makeSimpleSignature(there.reference, `sha256:${"1".repeat(64)}`, own.privateKey);
      putTag(there, makeSimpleSignature(there.reference, image.digest, own.privateKey).payload, signature);
    },
    "an older signature that is no base64": (there) => {
      putTag(there, Buffer.from("{}"), "\u0000");
    },
    "a manifest of signatures that is none": (there) => {
      const tag = signatureTag(image.digest);
      there.registry.manifests.set(tag, { mediaType: MEDIA_TYPES.manifest, text: Buffer.from("{}") });
    },
  };

  for (const [name, forge] of Object.entries(FORGERIES)) {
    test(`${name} is no signature, and hides none`, { timeout }, async (t) => {
      const there = await pushed(t, withReferrers);
      await forge(there);
      const unsigned = await found(there, [own]);
      assert.deepEqual(unsigned.signatures, []);
      assert.notDeepEqual(unsigned.problems, [], "it was looked at");
      await signThere(there, own, "bundle");
      assert.equal((await found(there, [own])).signatures.length, 1);
    });
  }

  test(
    "lists without an end, elsewhere, or of a thousand bundles end with the reason, or at a bound",
    { timeout },
    async (t) => {
      const endless = await pushed(t, ({ url = "" }, response) => {
        if (!url.includes("/referrers/")) return false;
        const body = JSON.stringify({ schemaVersion: 2, manifests: null });
        response
          .writeHead(200, { "content-type": MEDIA_TYPES.index, link: `<${url}>; rel="next"` })
          .end(body);
        return true;
      });
      await assert.rejects(found(endless, [own]), {
        code: "registry-violation",
        message: /more than 16 pages/u,
      });
      const elsewhere = await pushed(t, ({ url = "" }, response) => {
        if (!url.includes("/referrers/")) return false;
        const headers = { "content-type": MEDIA_TYPES.index, link: '<http://127.0.0.1:1/v2/>; rel="next"' };
        response.writeHead(200, headers).end(JSON.stringify({ schemaVersion: 2, manifests: [] }));
        return true;
      });
      await assert.rejects(found(elsewhere, [own]), {
        code: "registry-violation",
        message: /next page of a list elsewhere/u,
      });
      const many = await pushed(t, ({ url = "" }, response) => {
        if (!url.includes("/referrers/")) return false;
        const manifests = Array.from({ length: 1000 }, (_, number) => ({
          mediaType: MEDIA_TYPES.manifest,
          digest: `sha256:${String(number).padStart(64, "0")}`,
          size: 2,
          artifactType: SIGSTORE_BUNDLE.mediaType,
        }));
        response
          .writeHead(200, { "content-type": MEDIA_TYPES.index })
          .end(JSON.stringify({ schemaVersion: 2, manifests }));
        return true;
      });
      assert.match(
        (await found(many, [own])).problems.join("\n"),
        /1000 bundles refer to .*: 64 of them were looked at/u,
      );
      assert.ok(many.registry.requests.length < 100, `${many.registry.requests.length} requests`);
    },
  );

  test("what cosign sign-blob makes of a manifest's text is a signature of it", { timeout }, async (t) => {
    const there = await pushed(t, withReferrers);
    const messageSignature = {
      messageDigest: {
        algorithm: "SHA2_256",
        digest: Buffer.from(image.digest.slice(7), "hex").toString("base64"),
      },
      signature: sign("sha256", text, own.privateKey).toString("base64"),
    };
    await attach(
      there,
      Buffer.from(JSON.stringify({ mediaType: SIGSTORE_BUNDLE.mediaType, messageSignature })),
    );
    assert.equal((await found(there, [own])).signatures.length, 1);
  });

  interface There {
    readonly registry: NastyRegistry;
    readonly client: RegistryClient;
    readonly reference: Reference;
  }

  async function pushed(t: TestContext, trick: Trick): Promise<There> {
    const registry = await startNastyRegistry(trick);
    const client = openRegistryClient(REGISTRY_OPTIONS, { retryMs: 1 });
    t.after(async () => {
      await client.close();
      await registry[Symbol.asyncDispose]();
    });
    const reference = parseReference(`${registry.host}/team/image:1`);
    await pushImage(store, image, await registryTarget(client, store, reference), { signal: NEVER });
    return { registry, client, reference };
  }

  function found(
    { client, reference }: There,
    keys: readonly PublicKey[],
    only: "bundle" | "tag" | null = null,
  ): Promise<FoundSigners> {
    return findSigners(
      registrySignatures(client, reference),
      { digest: image.digest, text },
      keys,
      NEVER,
      only,
    );
  }

  async function signThere(
    { client, reference }: There,
    { privateKey }: Pair,
    form: "bundle" | "tag",
  ): Promise<void> {
    const signature = await signImage(store, { reference, subject: image }, privateKey, form);
    await pushAttachment(store, signature, { client, reference, subject: image.digest }, NEVER);
  }

  /** Lets a bundle refer to the image, and returns the digest of its blob. */
  async function attach({ registry }: There, bundle: Buffer): Promise<string> {
    registry.blobs.set(digestOf(bundle), bundle);
    const manifest = {
      schemaVersion: 2,
      mediaType: MEDIA_TYPES.manifest,
      artifactType: SIGSTORE_BUNDLE.mediaType,
      config: { mediaType: MEDIA_TYPES.empty, digest: digestOf(Buffer.from("{}")), size: 2 },
      layers: [{ mediaType: SIGSTORE_BUNDLE.mediaType, digest: digestOf(bundle), size: bundle.length }],
      subject: { mediaType: image.mediaType, digest: image.digest, size: image.size },
    };
    const content = Buffer.from(JSON.stringify(manifest));
    registry.manifests.set(digestOf(content), { mediaType: MEDIA_TYPES.manifest, text: content });
    return digestOf(bundle);
  }

  function putTag({ registry }: There, payload: Buffer, signature: string): void {
    registry.blobs.set(digestOf(payload), payload);
    const annotations = { [SIMPLE_SIGNING.signature]: signature };
    const manifest = {
      schemaVersion: 2,
      mediaType: MEDIA_TYPES.manifest,
      config: { mediaType: MEDIA_TYPES.config, digest: digestOf(Buffer.from("{}")), size: 2 },
      layers: [
        { mediaType: SIMPLE_SIGNING.payload, digest: digestOf(payload), size: payload.length, annotations },
      ],
    };
    registry.manifests.set(signatureTag(image.digest), {
      mediaType: MEDIA_TYPES.manifest,
      text: Buffer.from(JSON.stringify(manifest)),
    });
  }

  /** A bundle by the right key, of a statement that differs from the one that signs the image. */
  function statement(differences: object): Buffer {
    const bundle = JSON.parse(makeBundle(image.digest, own.privateKey).toString("utf8"));
    const usual = JSON.parse(Buffer.from(bundle.dsseEnvelope.payload, "base64").toString("utf8"));
    const payload = Buffer.from(JSON.stringify({ ...usual, ...differences }));
    const type = bundle.dsseEnvelope.payloadType;
    const said = Buffer.concat([Buffer.from(`DSSEv1 ${type.length} ${type} ${payload.length} `), payload]);
    bundle.dsseEnvelope.payload = payload.toString("base64");
    bundle.dsseEnvelope.signatures = [{ sig: sign("sha256", said, own.privateKey).toString("base64") }];
    return Buffer.from(JSON.stringify(bundle));
  }
});
