import { openLayout } from "../../packages/images/layout.ts";
import { familiarReference, type Reference } from "../../packages/images/reference.ts";
import { layoutSource } from "../../packages/registry/layout-ends.ts";
import {
  type ImageSource,
  type Pulled,
  pullImage,
  type PullOptions,
} from "../../packages/registry/pull-image.ts";
import { registrySource } from "../../packages/registry/registry-ends.ts";
import type { Context } from "../command.ts";
import type { ImageLocation } from "./image-location.ts";
import type { Images } from "./open-images.ts";
import { transferBar } from "./transfer-bar.ts";
import { fromArchive } from "./with-archive.ts";

/**
 * Brings an image into the store under `reference`, with a bar on a terminal, as far as the trust policy lets it.
 * @throws WhiskersError those of `pullImage`, `trust-refused`
 */
export async function pullHere(
  location: ImageLocation,
  reference: Reference,
  { store, client, admission }: Images,
  context: Context,
): Promise<Pulled> {
  const { signal } = context;
  using bar = transferBar(context, familiarReference(reference));
  const from = (source: ImageSource, admit: PullOptions["admit"] = async () => {}): Promise<Pulled> =>
    pullImage(store, source, reference, {
      signal,
      admit,
      onProgress: (done, total) => {
        bar.advance(done, total);
      },
    });
  switch (location.kind) {
    case "registry":
      admission.name(location.reference);
      return await from(registrySource(client, location.reference), (manifests, within) =>
        admission.manifests(location.reference, manifests, within),
      );
    case "layout":
      admission.local(`oci:${location.folder}`);
      return await from(layoutSource(await openLayout(location.folder), location.name));
    case "archive":
      admission.local(location.file);
      return await fromArchive(location.file, store, signal, (layout) => from(layoutSource(layout, null)));
    default:
      throw new Error(`no location ${String(location satisfies never)}`);
  }
}
