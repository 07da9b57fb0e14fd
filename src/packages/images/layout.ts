import { mkdir, readFile, rmdir } from "node:fs/promises";
import path from "node:path";

import { codeOf, fileTroubleOf } from "../../domain/unknown.ts";
import { WhiskersError } from "../../errors.ts";
import { type Blobs, openBlobs } from "./blobs.ts";
import { type Descriptor, MEDIA_TYPES, parseDescriptor } from "./descriptor.ts";
import { parseJsonText } from "./json-text.ts";
import { writeWhole } from "./write-whole.ts";

/** How an image is called in a layout. */
const NAME = "org.opencontainers.image.ref.name";
const MOST_ENTRIES = 10_000;

/** A folder as the OCI image layout specification has it. */
export interface Layout {
  readonly blobs: Blobs;
  /** The image of that name; without one, the only image. @throws WhiskersError `image-missing`, `image-invalid` */
  find(name: string | null): Promise<Descriptor>;
  /** Gives an image that is in it a name, or none. Images that had the name have it no more. */
  add(descriptor: Descriptor, name: string | null): Promise<void>;
}

/**
 * A layout that is there, or with `make` a new one.
 * @throws WhiskersError `input-unreadable`, `store-unusable`
 */
export async function openLayout(folder: string, { make = false } = {}): Promise<Layout> {
  const index = path.join(folder, "index.json");
  if (make) await makeLayout(folder);
  else await requireLayout(folder);
  const read = async (): Promise<readonly Descriptor[]> => entriesOf(await readText(index), index);
  return {
    blobs: openBlobs(folder, async () => ({ [Symbol.dispose]: () => {} }), false),
    async find(name) {
      const entries = await read();
      const found = entries.filter(({ annotations }) => name === null || annotations?.[NAME] === name);
      const [only, ...others] = found;
      if (only !== undefined && others.every(({ digest }) => digest === only.digest)) return only;
      const names = entries.map(({ annotations }) => annotations?.[NAME] ?? "one without a name").join(", ");
      const what = only === undefined ? `holds no ${name ?? "image"}` : "holds several images; name one";
      throw new WhiskersError("image-missing", `${folder} ${what}: there is ${names || "none"}`);
    },
    async add(descriptor, name) {
      const others = (await read()).filter(
        ({ digest, annotations }) =>
          annotations?.[NAME] !== (name ?? undefined) || (name === null && digest !== descriptor.digest),
      );
      const { annotations: _, ...plain } = descriptor;
      const entry = name === null ? plain : { ...plain, annotations: { [NAME]: name } };
      const document = { schemaVersion: 2, mediaType: MEDIA_TYPES.index, manifests: [...others, entry] };
      await writeWhole(folder, index, `${JSON.stringify(document)}\n`);
      // The specification knows no such folder. Not empty: somebody else writes.
      await rmdir(path.join(folder, "drafts")).catch(() => {});
    },
  };
}

async function makeLayout(folder: string): Promise<void> {
  try {
    for (const name of ["blobs/sha256", "drafts"]) await mkdir(path.join(folder, name), { recursive: true });
    await writeWhole(folder, path.join(folder, "oci-layout"), '{"imageLayoutVersion":"1.0.0"}');
    const index = path.join(folder, "index.json");
    const isThere = (await readFile(index).catch(() => null)) !== null;
    const empty = { schemaVersion: 2, mediaType: MEDIA_TYPES.index, manifests: [] };
    if (!isThere) await writeWhole(folder, index, `${JSON.stringify(empty)}\n`);
  } catch (cause) {
    throw new WhiskersError("store-unusable", `${folder}: ${fileTroubleOf(cause)}`, { cause });
  }
}

async function requireLayout(folder: string): Promise<void> {
  const file = path.join(folder, "oci-layout");
  const document = parseJsonText(await readText(file), file);
  if (document["imageLayoutVersion"] !== "1.0.0") {
    throw new WhiskersError("input-unreadable", `${file}: a layout of a version that is not 1.0.0`);
  }
}

async function readText(file: string): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch (cause) {
    const why = codeOf(cause) === "ENOENT" ? "no such file: it is no OCI image layout" : fileTroubleOf(cause);
    throw new WhiskersError("input-unreadable", `${file}: ${why}`, { cause });
  }
}

function entriesOf(text: Buffer, shownAs: string): readonly Descriptor[] {
  const { manifests } = parseJsonText(text, shownAs);
  if (!Array.isArray(manifests) || manifests.length > MOST_ENTRIES) {
    throw new WhiskersError("image-invalid", `${shownAs}: manifests are no list, or a very long one`);
  }
  return manifests.map((each, number) => {
    const parsed = parseDescriptor(each);
    if (typeof parsed !== "string") return parsed;
    throw new WhiskersError("image-invalid", `${shownAs}: manifests[${number}]: ${parsed}`);
  });
}
