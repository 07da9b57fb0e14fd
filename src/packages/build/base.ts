import type { Root } from "../../domain/package.ts";
import { type Descriptor, MEDIA_TYPES } from "../images/descriptor.ts";
import type { ImageStore } from "../images/image-store.ts";
import { type ImageConfig, readConfig, readImage } from "../images/manifest.ts";
import { type Layer, putLayer, type PutLayerOptions } from "./put-layer.ts";

/** What a package is built on. */
export type Base =
  | { readonly kind: "none" }
  /** A root filesystem in a folder. */
  | { readonly kind: "root"; readonly root: Root }
  /** An image in the store. `name` as its owner wrote it. */
  | { readonly kind: "image"; readonly name: string; readonly descriptor: Descriptor };

export interface BaseLayers {
  readonly layers: readonly Layer[];
  readonly environment: readonly string[];
  /** For annotations; null: no base. */
  readonly name: string | null;
  readonly digest: string | null;
}

/** The layers of a base; those of a folder are made. @throws WhiskersError as `readImage` and `putLayer` */
export async function baseLayers(base: Base, options: PutLayerOptions): Promise<BaseLayers> {
  switch (base.kind) {
    case "none":
      return { layers: [], environment: [], name: null, digest: null };
    case "root": {
      const { folder, digest, name } = base.root;
      const layer = await putLayer([{ folder, place: "" }], digest, options);
      return { layers: [layer], environment: [], name, digest };
    }
    case "image": {
      const { manifest, digest } = await readImage(options.store, base.descriptor.digest);
      const { diffIds, environment } = await readConfig(options.store, manifest);
      return { layers: layersOf(manifest.layers, diffIds), environment, name: base.name, digest };
    }
  }
}

/** What the dependencies of a package are installed for; null: what this machine has. */
export async function rootOfBase(base: Base, store: ImageStore, signal: AbortSignal): Promise<Root | null> {
  switch (base.kind) {
    case "none":
      return null;
    case "root":
      return base.root;
    case "image":
      return store.root(base.descriptor.digest, { name: base.name, signal });
  }
}

/** An image of Docker's has the same layers under other names. */
function layersOf(descriptors: readonly Descriptor[], diffIds: ImageConfig["diffIds"]): readonly Layer[] {
  return descriptors.map(({ mediaType, digest, size }, index) => ({
    descriptor: {
      mediaType: mediaType === MEDIA_TYPES.dockerLayer ? MEDIA_TYPES.layerGzip : mediaType,
      digest,
      size,
    },
    diffId: diffIds[index] ?? "",
  }));
}
