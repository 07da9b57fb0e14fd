import { formatBytes } from "../domain/quantity.ts";
import { type ImageStore, openImageStore } from "../packages/images/image-store.ts";
import { readImage } from "../packages/images/manifest.ts";
import { familiarReference, formatReference } from "../packages/images/reference.ts";
import type { Tagged } from "../packages/images/references.ts";
import { flag } from "./arguments.ts";
import type { Command } from "./command.ts";
import { columnsOf, pad } from "./terminal/columns.ts";

interface Listed extends Tagged {
  /** Of its config and layers, compressed; null: a part of it is missing or damaged. */
  readonly size: number | null;
}

export const command: Command = {
  help: `whiskers list [--json]

The images of the local store: reference, digest, size of its layers, when it got its reference.

  --json   one JSON document
`,
  options: { json: { type: "boolean" } },
  positionals: [0, 0],
  async run(args, { settings, out, outTerminal: { paint } }) {
    const store = await openImageStore(settings().home);
    const images = await Promise.all((await store.list()).map((tagged) => describe(store, tagged)));
    if (flag(args, "json")) {
      const documents = images.map(({ reference, descriptor, size, taggedAt }) => ({
        reference: formatReference(reference),
        digest: descriptor.digest,
        mediaType: descriptor.mediaType,
        size,
        taggedAt,
      }));
      await out(`${JSON.stringify({ images: documents }, null, 2)}\n`);
      return 0;
    }
    if (images.length === 0)
      await out("No image here yet: whiskers pull REFERENCE, or whiskers build FOLDER\n");
    const width = Math.max(0, ...images.map(({ reference }) => columnsOf(familiarReference(reference))));
    for (const { reference, descriptor, size, taggedAt } of images) {
      const name = paint("bold", pad(familiarReference(reference), width));
      const shownSize = size === null ? paint("red", "incomplete") : formatBytes(size);
      await out(
        `${name}  ${descriptor.digest.slice(0, 19)}  ${pad(shownSize, 10)}  ${taggedAt.slice(0, 19)}Z\n`,
      );
    }
    return 0;
  },
};

async function describe(store: ImageStore, tagged: Tagged): Promise<Listed> {
  try {
    const { manifest } = await readImage(store, tagged.descriptor.digest);
    const parts = [manifest.config, ...manifest.layers];
    const sizes = await Promise.all(parts.map(({ digest }) => store.sizeOf(digest)));
    const size = sizes.reduce<number | null>(
      (sum, each) => (sum === null || each === null ? null : sum + each),
      0,
    );
    return { ...tagged, size };
  } catch {
    return { ...tagged, size: null };
  }
}
