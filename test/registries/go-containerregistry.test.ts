import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";

import { openImageStore } from "../../src/packages/images/image-store.ts";
import { parseReference } from "../../src/packages/images/reference.ts";
import { pullImage } from "../../src/packages/registry/pull-image.ts";
import { pushImage } from "../../src/packages/registry/push-image.ts";
import { openRegistryClient } from "../../src/packages/registry/registry-client.ts";
import { registrySource, registryTarget } from "../../src/packages/registry/registry-ends.ts";
import { startGoRegistry, whyNoGoRegistry } from "../fixtures/go-registry.ts";
import { putImage } from "../fixtures/put-image.ts";
import { tarArchive } from "../fixtures/tar-archive.ts";
import { REGISTRY_OPTIONS } from "../fixtures/registry-options.ts";

const skip = whyNoGoRegistry() ?? false;
test(
  "the registry of go-containerregistry gives back what it was given",
  { skip, timeout: 400_000 },
  async (t) => {
    const folder = mkdtempSync(path.join(tmpdir(), "whiskers-go-registry-"));
    t.after(() => {
      rmSync(folder, { recursive: true, force: true });
    });
    await using registry = await startGoRegistry();
    const store = await openImageStore(path.join(folder, "one"));
    const layer = tarArchive([{ name: "a", content: randomBytes(500_000) }]);
    const image = await putImage(store, { layers: [layer], compression: "zstd" });
    const { signal } = new AbortController();
    const client = openRegistryClient(REGISTRY_OPTIONS, { chunkBytes: 200_000 });
    t.after(() => client.close());
    const reference = parseReference(`${registry.host}/team/image:1`);
    const target = await registryTarget(client, store, reference);
    assert.deepEqual((await pushImage(store, image, target, { signal })).blobs, {
      there: 0,
      mounted: 0,
      uploaded: 2,
    });
    assert.deepEqual((await pushImage(store, image, target, { signal })).blobs, {
      there: 2,
      mounted: 0,
      uploaded: 0,
    });
    const other = await openImageStore(path.join(folder, "other"));
    const pulled = await pullImage(other, registrySource(client, reference), reference, { signal });
    assert.equal(pulled.descriptor.digest, image.digest);
    assert.equal((await other.root(image.digest)).digest, (await store.root(image.digest)).digest);
    const nothing = { ...reference, tag: "2" };
    await assert.rejects(pullImage(other, registrySource(client, nothing), nothing, { signal }), {
      code: "registry-refused",
    });
  },
);
