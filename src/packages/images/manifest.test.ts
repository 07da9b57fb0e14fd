import assert from "node:assert/strict";
import { suite, test } from "node:test";

import * as fc from "fast-check";

import { WhiskersError } from "../../errors.ts";
import { type Descriptor, MEDIA_TYPES } from "./descriptor.ts";
import {
  choosePlatform,
  type ImageIndex,
  parseConfigText,
  parseManifestText,
  platformText,
} from "./manifest.ts";

const DIGEST = `sha256:${"a".repeat(64)}`;
const CONFIG: Descriptor = { mediaType: MEDIA_TYPES.config, digest: DIGEST, size: 2 };
const MANIFEST = { schemaVersion: 2, mediaType: MEDIA_TYPES.manifest, config: CONFIG, layers: [CONFIG] };
const INDEX = { schemaVersion: 2, mediaType: MEDIA_TYPES.index, manifests: [CONFIG] };

suite("manifests", () => {
  test("of OCI and of Docker are read", () => {
    const subject = { ...CONFIG, annotations: { a: "b" } };
    const read = parseManifestText(
      json({ ...MANIFEST, subject, artifactType: "a/b", annotations: { c: "d" } }),
      "it",
    );
    assert.deepEqual(read, {
      kind: "manifest",
      mediaType: MEDIA_TYPES.manifest,
      artifactType: "a/b",
      config: CONFIG,
      layers: [CONFIG],
      subject,
      annotations: { c: "d" },
    });
    const docker = { ...MANIFEST, mediaType: MEDIA_TYPES.dockerManifest };
    assert.equal(parseManifestText(json(docker), "it").mediaType, MEDIA_TYPES.dockerManifest);
    assert.equal(parseManifestText(json({ ...INDEX, mediaType: undefined }), "it").kind, "index");
  });

  const refused: Readonly<Record<string, readonly [unknown, RegExp]>> = {
    "no JSON": ["{", /no JSON/u],
    "a list": [[], /no JSON object/u],
    "schema 1": [{ ...MANIFEST, schemaVersion: 1 }, /schemaVersion is not 2/u],
    "both kinds in one": [{ ...MANIFEST, ...INDEX }, /both manifests and layers/u],
    "another media type": [{ ...MANIFEST, mediaType: "text/html" }, /type "text\/html"/u],
    "an index that says it is a manifest": [
      { ...INDEX, mediaType: MEDIA_TYPES.manifest },
      /an index of type/u,
    ],
    "no layers": [{ ...MANIFEST, layers: undefined }, /layers: no list/u],
    "too many layers": [{ ...MANIFEST, layers: Array.from({ length: 257 }, () => CONFIG) }, /more than 256/u],
    "a digest that climbs": [
      { ...MANIFEST, config: { ...CONFIG, digest: "sha256:../x" } },
      /config: digest/u,
    ],
    "a size that is none": [{ ...MANIFEST, layers: [{ ...CONFIG, size: -1 }] }, /layers\[0\]: size/u],
    "deep nesting": [`${'{"a":'.repeat(100)}1${"}".repeat(100)}`, /nested deeper/u],
  };
  for (const [what, [document, why]] of Object.entries(refused)) {
    test(`${what} is refused`, () => {
      const text = typeof document === "string" ? Buffer.from(document) : json(document);
      assert.throws(() => parseManifestText(text, "it"), isInvalid(why));
    });
  }

  test("any JSON is read or refused", () => {
    const anything = fc.oneof(
      fc.anything(),
      fc.record({
        schemaVersion: fc.constant(2),
        manifests: fc.option(fc.anything(), { nil: undefined }),
        layers: fc.anything(),
        config: fc.anything(),
      }),
    );
    fc.assert(
      fc.property(anything, (value) => {
        for (const parse of [parseManifestText, parseConfigText]) {
          try {
            parse(json(value), "it");
          } catch (error) {
            assert.ok(error instanceof WhiskersError && error.code === "image-invalid", String(error));
          }
        }
      }),
    );
  });
});

test("of an index, the image for the platform is chosen", () => {
  const on = (os: string, architecture: string, variant?: string): Descriptor => ({
    ...CONFIG,
    platform: { os, architecture, ...(variant === undefined ? {} : { variant }) },
  });
  const all = [on("linux", "arm64", "v8"), on("linux", "amd64"), on("windows", "amd64")];
  const index: ImageIndex = { kind: "index", mediaType: MEDIA_TYPES.index, manifests: all, annotations: {} };
  assert.equal(choosePlatform(index, "it", { os: "linux", architecture: "amd64" }), all[1]);
  assert.equal(choosePlatform(index, "it", { os: "linux", architecture: "arm64" }), all[0]);
  assert.throws(
    () => choosePlatform(index, "it", { os: "linux", architecture: "riscv64" }),
    isInvalid(/nothing for linux\/riscv64, only linux\/arm64\/v8, linux\/amd64, windows\/amd64/u),
  );
  assert.equal(choosePlatform({ ...index, manifests: [CONFIG] }, "it"), CONFIG);
  assert.equal(platformText({ os: "linux", architecture: "arm64", variant: "v8" }), "linux/arm64/v8");
});

test("a config says what its image runs", () => {
  const config = {
    os: "linux",
    architecture: "arm64",
    rootfs: { type: "layers", diff_ids: [DIGEST] },
    config: { Env: ["A=b"], Entrypoint: ["/x"], Cmd: null, WorkingDir: "/w", Labels: { l: "1" } },
  };
  assert.deepEqual(parseConfigText(json(config), "it"), {
    platform: { os: "linux", architecture: "arm64" },
    diffIds: [DIGEST],
    environment: ["A=b"],
    entrypoint: ["/x"],
    command: [],
    workingFolder: "/w",
    labels: { l: "1" },
    created: null,
  });
});

function json(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value) ?? "null");
}

function isInvalid(why: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof WhiskersError, String(error));
    assert.equal(error.code, "image-invalid");
    assert.match(error.message, why);
    return true;
  };
}
