import { readFile } from "node:fs/promises";
import path from "node:path";

import type { Package } from "../../domain/package.ts";
import { type Descriptor, MEDIA_TYPES } from "../images/descriptor.ts";
import type { ImageStore } from "../images/image-store.ts";
import { annotationsOf } from "./annotations.ts";
import { type Base, type BaseLayers, baseLayers } from "./base.ts";
import { imageConfig } from "./image-config.ts";
import { type Layer, putLayer, type PutLayerOptions } from "./put-layer.ts";
import { sdkLayer } from "./sdk-layer.ts";

export interface BuildOptions {
  readonly home: string;
  readonly store: ImageStore;
  readonly sdkFolder: string;
  readonly signal: AbortSignal;
  /** What is being done, for people. */
  readonly progress?: (what: string) => void;
}

export interface Built {
  /** Of the manifest. */
  readonly descriptor: Descriptor;
  readonly layers: readonly BuiltLayer[];
  /** Where it is unpacked: what layers below are new is not. */
  readonly base: Pick<BaseLayers, "name" | "digest">;
}

export interface BuiltLayer {
  readonly what: "base" | "sdk" | "dependencies" | "code";
  readonly layer: Layer;
}

/**
 * Makes an image of a package in the store: base, SDK, dependencies, code, each a layer of its own. The same package on
 * the same base gives the same digest, on every machine and every day. Whoever calls holds the store.
 * @param pkg opened for this base, with its dependencies installed
 */
export async function buildImage(pkg: Package, base: Base, options: BuildOptions): Promise<Built> {
  const progress = options.progress ?? ((): void => {});
  progress("base");
  const below = await baseLayers(base, options);
  const layers: BuiltLayer[] = below.layers.map((layer) => ({ what: "base", layer }));
  for (const { what, put } of ownLayers(pkg, options)) {
    progress(what);
    const layer = await put();
    if (layer !== null) layers.push({ what, layer });
  }
  const text = await readFile(path.join(pkg.folder, "normalizer.json"), "utf8");
  const annotations = annotationsOf(pkg, text, below);
  const config = imageConfig({ pkg, manifestText: text, annotations, below, layers });
  const configDescriptor = await putJson(options.store, config, MEDIA_TYPES.config);
  const manifest = {
    schemaVersion: 2,
    mediaType: MEDIA_TYPES.manifest,
    config: configDescriptor,
    layers: layers.map(({ layer: { descriptor } }) => plain(descriptor)),
    annotations,
  };
  const descriptor = await putJson(options.store, manifest, MEDIA_TYPES.manifest);
  return { descriptor, layers, base: { name: below.name, digest: below.digest } };
}

interface OwnLayer {
  readonly what: BuiltLayer["what"];
  readonly put: () => Promise<Layer | null>;
}

/** What changes most often lies on top. */
function ownLayers(pkg: Package, options: BuildOptions & PutLayerOptions): readonly OwnLayer[] {
  const { dependencies } = pkg;
  return [
    {
      what: "sdk",
      put: async () => {
        const sdk = await sdkLayer(pkg.manifest.guest.kind, options.sdkFolder);
        return sdk === null ? null : putLayer([sdk.source], sdk.digest, options);
      },
    },
    {
      what: "dependencies",
      put: async () =>
        dependencies === null
          ? null
          : putLayer(
              [{ folder: dependencies.folder, place: "whiskers/dependencies" }],
              dependencies.digest,
              options,
            ),
    },
    {
      what: "code",
      put: () => putLayer([{ folder: pkg.folder, place: "whiskers/package" }], pkg.digest, options),
    },
  ];
}

/** Registries keep no annotations of a descriptor apart, and two descriptors of one layer would differ. */
function plain({ mediaType, digest, size }: Descriptor): Descriptor {
  return { mediaType, digest, size };
}

export async function putJson(store: ImageStore, document: object, mediaType: string): Promise<Descriptor> {
  const text = Buffer.from(JSON.stringify(document));
  async function* content(): AsyncGenerator<Buffer> {
    yield text;
  }
  return store.put(content(), { mediaType });
}
