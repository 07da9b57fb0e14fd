import { readImageSettings } from "../config/image-settings.ts";
import { formatBytes } from "../domain/quantity.ts";
import { WhiskersError } from "../errors.ts";
import {
  familiarReference,
  formatReference,
  parseReference,
  type Reference,
} from "../packages/images/reference.ts";
import type { Pulled } from "../packages/registry/pull-image.ts";
import { flag, textOption } from "./arguments.ts";
import type { Arguments, Command, Context } from "./command.ts";
import { type ImageLocation, parseImageLocation } from "./images/image-location.ts";
import { openImages } from "./images/open-images.ts";
import { pullHere } from "./images/pull-here.ts";

export const command: Command = {
  help: `whiskers pull SOURCE [-t REFERENCE] [--json]

Brings an image into the local store. SOURCE is a reference to a registry (REGISTRY/REPOSITORY:TAG or
REGISTRY/REPOSITORY@sha256:DIGEST, as Docker understands them), a folder oci:FOLDER or oci:FOLDER:NAME as the
OCI image layout specification has it, or FILE.tar, the same in an archive.

What is here already is not fetched again; a download that was cut short goes on where it ended. A tag is
resolved to a digest once: that is what is recorded, and what will run. Nothing is to be seen of an image
that did not arrive whole. What WHISKERS_TRUST_POLICY does not allow is not fetched. Credentials are those
of Docker's config and its credential helpers.

  -t, --tag REFERENCE   what the image is called here; needed for layouts and archives
  --json                one JSON document
`,
  options: { tag: { type: "string", short: "t" }, json: { type: "boolean" } },
  positionals: [1, 1],
  async run(args, context) {
    const [source = ""] = args.positionals;
    const location = parseImageLocation(source);
    const reference = referenceFor(location, args);
    await using images = await openImages(context);
    const pulled = await pullHere(location, reference, images, context);
    await show(pulled, args, context);
    const { imagesMaxBytes, imagesMaxAgeMs } = readImageSettings(context.env);
    await images.store.gc({ mostBytes: imagesMaxBytes, oldestMs: imagesMaxAgeMs, patienceMs: 0 });
    return 0;
  },
};

function referenceFor(location: ImageLocation, args: Arguments): Reference {
  const tag = textOption(args, "tag");
  if (tag !== undefined) return parseReference(tag);
  if (location.kind === "registry") return location.reference;
  throw new WhiskersError(
    "usage",
    "whiskers pull: say with -t what an image of a layout or archive is called here",
  );
}

async function show(pulled: Pulled, args: Arguments, { out, outTerminal }: Context): Promise<void> {
  const { reference, descriptor, image, fetchedBlobs, fetchedBytes, presentBytes } = pulled;
  if (flag(args, "json")) {
    const document = {
      reference: formatReference(reference),
      digest: descriptor.digest,
      mediaType: descriptor.mediaType,
      image: image.digest,
      fetchedBlobs,
      fetchedBytes,
      presentBytes,
    };
    await out(`${JSON.stringify(document)}\n`);
    return;
  }
  const fetched = `${formatBytes(fetchedBytes)} fetched, ${formatBytes(presentBytes)} were here`;
  await out(`${outTerminal.paint("bold", familiarReference(reference))}  ${descriptor.digest}  ${fetched}\n`);
}
