import { WhiskersError } from "../../errors.ts";
import type { Blobs } from "./blobs.ts";
import type { Descriptor } from "./descriptor.ts";
import { parseJsonText } from "./json-text.ts";
import type { ImageManifest } from "./manifest.ts";

/** The layout of the CNCF's working group for WebAssembly: one module as it is, and a config of its own type. */
export const WASM_ARTIFACT = {
  config: "application/vnd.wasm.config.v0+json",
  module: "application/wasm",
  architecture: "wasm",
  /** By what the layer is: a module of WASI preview 1, or a component of 0.2. */
  os: { module: "wasip1", component: "wasip2" },
} as const;

const MOST_CONFIG_BYTES = 2 ** 20;
const MOST_MODULE_BYTES = 256 * 2 ** 20;

export function isWasmArtifact({ config }: ImageManifest): boolean {
  return config.mediaType === WASM_ARTIFACT.config;
}

/**
 * The module of an artifact in the store.
 * @throws WhiskersError `image-invalid`, `image-too-large`, `image-missing`, `image-damaged`
 */
export async function wasmModuleOf(
  blobs: Blobs,
  { config, layers }: ImageManifest,
  shownAs: string,
): Promise<Descriptor> {
  const [module, ...others] = layers;
  if (module?.mediaType !== WASM_ARTIFACT.module || others.length > 0) {
    throw new WhiskersError("image-invalid", `${shownAs}: its layers are not one WebAssembly module`);
  }
  if (module.size > MOST_MODULE_BYTES) {
    throw new WhiskersError(
      "image-too-large",
      `${shownAs}: a module of more than ${MOST_MODULE_BYTES} bytes`,
    );
  }
  const text = await blobs.read(config.digest, MOST_CONFIG_BYTES);
  const { architecture, os, layerDigests } = parseJsonText(text, `${shownAs}: config`);
  if (architecture !== WASM_ARTIFACT.architecture || !Object.values<unknown>(WASM_ARTIFACT.os).includes(os)) {
    throw new WhiskersError(
      "image-invalid",
      `${shownAs}: it is for ${String(os)}/${String(architecture)}, not for ${Object.values(WASM_ARTIFACT.os).join(" or ")}/${WASM_ARTIFACT.architecture}`,
    );
  }
  if (Array.isArray(layerDigests) && layerDigests.length === 1 && layerDigests[0] === module.digest)
    return module;
  throw new WhiskersError("image-invalid", `${shownAs}: its config names another module than its manifest`);
}
