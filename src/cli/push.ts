import { formatBytes } from "../domain/quantity.ts";
import { WhiskersError } from "../errors.ts";
import type { Descriptor } from "../packages/images/descriptor.ts";
import { openLayout } from "../packages/images/layout.ts";
import { readManifest } from "../packages/images/manifest.ts";
import { familiarReference, parseReference, type Reference } from "../packages/images/reference.ts";
import { layoutTarget } from "../packages/registry/layout-ends.ts";
import { type ImageTarget, type Pushed, pushImage } from "../packages/registry/push-image.ts";
import { registryTarget } from "../packages/registry/registry-ends.ts";
import { storedAttachments } from "../packages/trust/attachment.ts";
import { pushAttachment } from "../packages/trust/push-attachment.ts";
import { flag } from "./arguments.ts";
import type { Command, Context } from "./command.ts";
import { type ImageLocation, parseImageLocation } from "./images/image-location.ts";
import { requireImage } from "./images/require-image.ts";
import { type Images, openImages } from "./images/open-images.ts";
import { transferBar } from "./images/transfer-bar.ts";
import { toArchive } from "./images/with-archive.ts";

export const command: Command = {
  help: `whiskers push REFERENCE [TARGET] [--json]

Brings an image of the local store to a registry, under the same reference or under TARGET; or to a folder
oci:FOLDER or oci:FOLDER:NAME as the OCI image layout specification has it, or to FILE.tar, the same in an
archive. Blobs that are there are not sent again; those of other repositories of the registry are mounted.
To a registry go along what belongs to the image here: its signatures, and the list of its components.

  --json   one JSON document
`,
  options: { json: { type: "boolean" } },
  positionals: [1, 2],
  async run(args, context) {
    const [source = "", target = source] = args.positionals;
    const reference = parseReference(source);
    const location = parseImageLocation(target);
    await using images = await openImages(context);
    const descriptor = await requireImage(images.store, reference);
    const pushed = await push({ descriptor, reference, location }, images, context);
    const attached = await pushAttached(descriptor, location, images, context);
    const { blobs, uploadedBytes } = pushed;
    if (flag(args, "json")) {
      await context.out(
        `${JSON.stringify({ target, digest: descriptor.digest, blobs, uploadedBytes, attached })}\n`,
      );
      return 0;
    }
    const along = attached === 0 ? "" : `; with ${attached} of what belongs to it`;
    const how = `${formatBytes(uploadedBytes)} sent; of its blobs ${blobs.there} were there, ${blobs.mounted} were mounted${along}`;
    await context.out(`${context.outTerminal.paint("bold", target)}  ${descriptor.digest}  ${how}\n`);
    return 0;
  },
};

interface Job {
  readonly descriptor: Descriptor;
  readonly reference: Reference;
  readonly location: ImageLocation;
}

async function push(
  { descriptor, reference, location }: Job,
  images: Images,
  context: Context,
): Promise<Pushed> {
  const { store, client } = images;
  const { signal } = context;
  using bar = transferBar(context, familiarReference(reference));
  const to = (target: ImageTarget): Promise<Pushed> =>
    pushImage(store, descriptor, target, {
      signal,
      onProgress: (done, total) => {
        bar.advance(done, total);
      },
    });
  switch (location.kind) {
    case "registry": {
      const { digest } = location.reference;
      if (digest !== null && digest !== descriptor.digest) {
        throw new WhiskersError("usage", `whiskers push: the image is ${descriptor.digest}, not ${digest}`);
      }
      return await to(await registryTarget(client, store, location.reference));
    }
    case "layout": {
      const layout = await openLayout(location.folder, { make: true });
      return await to(layoutTarget(layout, store, location.name));
    }
    case "archive":
      return await toArchive(location.file, store, signal, (layout) =>
        to(layoutTarget(layout, store, reference.tag)),
      );
    default:
      throw new Error(`no location ${String(location satisfies never)}`);
  }
}

/** Signatures and the like, of the image and, of an index, of those in it. How many. */
async function pushAttached(
  { digest }: Descriptor,
  location: ImageLocation,
  { store, client }: Images,
  { signal }: Context,
): Promise<number> {
  if (location.kind !== "registry") return 0;
  const { reference } = location;
  const manifest = await readManifest(store, digest);
  const inside = manifest.kind === "index" ? manifest.manifests.map((each) => each.digest) : [];
  let count = 0;
  for (const subject of [digest, ...inside]) {
    for (const attachment of await storedAttachments(store, subject)) {
      await pushAttachment(store, attachment, { client, reference, subject }, signal);
      count += 1;
    }
  }
  return count;
}
