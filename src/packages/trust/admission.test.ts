import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { suite, test, type TestContext } from "node:test";

import { type NastyRegistry, startNastyRegistry } from "../../../test/fixtures/nasty-registry.ts";
import { putImage, putJson } from "../../../test/fixtures/put-image.ts";
import { tarArchive } from "../../../test/fixtures/tar-archive.ts";
import { keyPair, type Pair } from "../../../test/fixtures/key-pair.ts";
import { REGISTRY_OPTIONS } from "../../../test/fixtures/registry-options.ts";
import { type Descriptor, MEDIA_TYPES } from "../images/descriptor.ts";
import { type ImageStore, openImageStore } from "../images/image-store.ts";
import { thisPlatform } from "../images/manifest.ts";
import { parseReference, type Reference } from "../images/reference.ts";
import { type Pulled, pullImage } from "../registry/pull-image.ts";
import { pushImage } from "../registry/push-image.ts";
import { openRegistryClient, type RegistryClient } from "../registry/registry-client.ts";
import { registrySource, registryTarget } from "../registry/registry-ends.ts";
import { type Admission, openAdmission } from "./admission.ts";
import { type ImageRule, type TrustPolicy } from "./policy.ts";
import { pushAttachment } from "./push-attachment.ts";
import { signImage } from "./sign-image.ts";

const NEVER = new AbortController().signal;
const LAYER = tarArchive([{ name: "a", content: "1" }]);

suite("admission", { timeout: 600_000 }, () => {
  const [own, other] = [keyPair("own.pub"), keyPair("other.pub")];
  const rule = (differences: Partial<ImageRule> = {}): ImageRule => ({
    match: "**",
    keys: [own],
    threshold: 1,
    digestOnly: false,
    ...differences,
  });

  test("what is not signed, or by another key, is refused by its manifests: nothing else is fetched or unpacked", async (t) => {
    const there = await pushed(t);
    await assert.rejects(pull(there, [rule()]), {
      code: "trust-refused",
      message: /policy\.json wants a signature by own\.pub for \*\*: it has no signatures at all/u,
    });
    await signThere(there, other);
    await assert.rejects(pull(there, [rule()]), { code: "trust-refused", message: /it is by another key/u });
    const fetched = there.registry.requests.filter((request) => request.startsWith("GET"));
    assert.ok(
      fetched.some((request) => request.includes("/manifests/")),
      fetched.join("\n"),
    );
    const image = await there.builder.read(there.image.digest, 1e6);
    for (const blob of JSON.parse(image.toString("utf8")).layers) {
      assert.ok(!fetched.some((request) => request.includes(blob.digest)), "no layer was asked for");
    }
    assert.ok(
      !fetched.some((request) => request.includes(JSON.parse(image.toString("utf8")).config.digest)),
      "nor the config",
    );
    assert.deepEqual(
      readdirSync(path.join(there.store.folder, "blobs/sha256")),
      [],
      "and nothing is in the store",
    );
    assert.deepEqual(readdirSync(path.join(there.store.folder, "roots")), []);
    assert.deepEqual(await there.store.list(), []);
  });

  test("what no rule matches, or has no digest where one is wanted, is refused without a request", async (t) => {
    const there = await pushed(t);
    const { admission } = admissionOf(there, [rule({ match: "registry.example/*" })]);
    assert.throws(() => admission.name(there.reference), {
      code: "trust-refused",
      message: /has no rule for it/u,
    });
    const digests = admissionOf(there, [rule({ digestOnly: true, threshold: 0, keys: [] })]).admission;
    assert.throws(() => digests.name(there.reference), {
      code: "trust-refused",
      message: /wants a digest for \*\*/u,
    });
    digests.name({ ...there.reference, digest: there.image.digest });
  });

  test("what is signed comes, and its signature with it: the next look needs no registry", async (t) => {
    const there = await pushed(t);
    await signThere(there, other);
    await signThere(there, own);
    const { image } = await pull(there, [rule()]);
    assert.equal(image.digest, there.image.digest);
    await there.registry[Symbol.asyncDispose]();
    const { admission } = admissionOf(there, [rule()]);
    await admission.stored(there.reference, image.digest, NEVER);
    const stricter = admissionOf(there, [rule({ keys: [other] })]).admission;
    await assert.rejects(stricter.stored(there.reference, image.digest, NEVER), {
      code: "registry-unavailable",
    });
  });

  test("what is in the store already is held to the policy, too", async (t) => {
    const there = await pushed(t);
    await pullImage(there.store, registrySource(there.client, there.reference), there.reference, {
      signal: NEVER,
    });
    const { admission } = admissionOf(there, [rule()]);
    await assert.rejects(admission.stored(there.reference, there.image.digest, NEVER), {
      code: "trust-refused",
    });
    await signThere(there, own);
    await admission.stored(there.reference, there.image.digest, NEVER);
    assert.equal((await there.store.attached(there.image.digest)).length, 1);
  });

  test("as many keys as the threshold says must have signed; one that signs twice is one", async (t) => {
    const there = await pushed(t);
    const both = [rule({ keys: [own, other], threshold: 2 })];
    await signThere(there, own);
    await signThere(there, own, "tag");
    await assert.rejects(pull(there, both), {
      code: "trust-refused",
      message: /wants 2 signatures, and has 1, by some of own\.pub, other\.pub/u,
    });
    await signThere(there, other, "tag");
    assert.equal((await pull(there, both)).image.digest, there.image.digest);
  });

  test("an index that is signed vouches for its images, and an image for itself", async (t) => {
    const there = await pushed(t);
    const unsigned = await putImage(there.builder, { layers: [tarArchive([{ name: "b" }])] });
    for (const signed of ["index", "image"] as const) {
      const manifests = [
        { ...there.image, platform: thisPlatform() },
        { ...unsigned, platform: { os: "plan9", architecture: "mips" } },
      ];
      const index = await putJson(
        there.builder,
        { schemaVersion: 2, mediaType: MEDIA_TYPES.index, manifests, annotations: { signed } },
        MEDIA_TYPES.index,
      );
      const reference = { ...there.reference, tag: signed };
      await pushImage(there.builder, index, await registryTarget(there.client, there.builder, reference), {
        signal: NEVER,
      });
      const indexed = { ...there, reference };
      if (signed === "index") await assert.rejects(pull(indexed, [rule()]), { code: "trust-refused" });
      await signThere(indexed, own, "bundle", signed === "index" ? index : there.image);
      assert.equal((await pull(indexed, [rule()])).image.digest, there.image.digest);
    }
  });

  test("a tag that moves between the check and the pull makes no difference", async (t) => {
    const there = await pushed(t);
    await signThere(there, own);
    const { admission } = admissionOf(there, [rule()]);
    const moved = there.registry.add("2", LAYER);
    const { image } = await pullImage(
      there.store,
      registrySource(there.client, there.reference),
      there.reference,
      {
        signal: NEVER,
        admit: async (manifests, signal) => {
          await admission.manifests(there.reference, manifests, signal);
          const other2 = there.registry.manifests.get("2");
          if (other2 !== undefined) there.registry.manifests.set("1", other2);
        },
      },
    );
    assert.equal(image.digest, there.image.digest);
    assert.notEqual(image.digest, moved.manifest);
    await assert.rejects(pull(there, [rule()]), { code: "trust-refused" });
  });

  interface There {
    readonly registry: NastyRegistry;
    readonly client: RegistryClient;
    readonly reference: Reference;
    /** Where the image was made, and signatures are. */
    readonly builder: ImageStore;
    /** Where it is to run. */
    readonly store: ImageStore;
    readonly image: Descriptor;
  }

  async function pushed(t: TestContext): Promise<There> {
    const folder = mkdtempSync(path.join(tmpdir(), "whiskers-admission-"));
    const registry = await startNastyRegistry();
    const client = openRegistryClient(REGISTRY_OPTIONS, { retryMs: 1 });
    t.after(async () => {
      await client.close();
      await Promise.resolve(registry[Symbol.asyncDispose]()).catch(() => {});
      rmSync(folder, { recursive: true, force: true });
    });
    const builder = await openImageStore(path.join(folder, "builder"));
    const store = await openImageStore(path.join(folder, "runner"));
    const image = await putImage(builder, { layers: [LAYER] });
    const reference = parseReference(`${registry.host}/team/image:1`);
    await pushImage(builder, image, await registryTarget(client, builder, reference), { signal: NEVER });
    return { registry, client, reference, builder, store, image };
  }

  function admissionOf(
    { store, client }: There,
    images: readonly ImageRule[],
  ): { readonly admission: Admission } {
    const policy: TrustPolicy = { name: "policy.json", local: "refuse", images };
    return { admission: openAdmission(policy, store, client) };
  }

  function pull(there: There, rules: readonly ImageRule[]): Promise<Pulled> {
    const { store, client, reference } = there;
    const { admission } = admissionOf(there, rules);
    return pullImage(store, registrySource(client, reference), reference, {
      signal: NEVER,
      admit: (manifests, signal) => admission.manifests(reference, manifests, signal),
    });
  }

  async function signThere(
    { builder, client, reference, image }: There,
    { privateKey }: Pair,
    form: "bundle" | "tag" = "bundle",
    subject = image,
  ): Promise<void> {
    const signature = await signImage(builder, { reference, subject }, privateKey, form);
    await pushAttachment(builder, signature, { client, reference, subject: subject.digest }, NEVER);
  }
});
