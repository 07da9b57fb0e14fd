import { createReadStream } from "node:fs";
import { mkdir, open, readdir, rename, rm, stat } from "node:fs/promises";
import { closeSync, openSync, writeSync } from "node:fs";
import path from "node:path";

import { fileTroubleOf } from "../../domain/unknown.ts";
import { WhiskersError } from "../../errors.ts";
import { dockerManifest } from "./docker-manifest.ts";
import { createTarReader, type TarEntry } from "./tar-reader.ts";
import { tarHeader, tarPadding } from "./tar-header.ts";

const MOST_BYTES = 16 * 2 ** 30;
const CHUNK_BYTES = 256 * 1024;
/** What a layout is made of. Everything else in an archive is left where it is, whatever it is called. */
const LAYOUT_FILE = /^(?:\.\/)?(?<name>oci-layout|index\.json|blobs\/sha256\/[0-9a-f]{64})$/u;

/**
 * Takes the OCI image layout out of a tar archive.
 * @param folder where to; empty
 * @throws WhiskersError `input-unreadable`, `image-invalid`, `image-too-large`, `store-unusable`
 */
export async function readArchive(file: string, folder: string, signal: AbortSignal): Promise<void> {
  await mkdir(path.join(folder, "blobs", "sha256"), { recursive: true });
  let descriptor: number | null = null;
  let bytes = 0;
  const endFile = (): void => {
    if (descriptor !== null) closeSync(descriptor);
    descriptor = null;
  };
  const reader = createTarReader(
    {
      entry(entry) {
        const name = nameOf(entry);
        descriptor = name === null ? null : openSync(path.join(folder, name), "w");
      },
      content(chunk) {
        bytes += chunk.length;
        if (bytes > MOST_BYTES)
          throw new WhiskersError("image-too-large", `${file}: more than ${MOST_BYTES} bytes`);
        if (descriptor === null) return;
        for (let done = 0; done < chunk.length;) done += writeSync(descriptor, chunk, done);
      },
      entryEnd: endFile,
    },
    file,
  );
  try {
    for await (const chunk of createReadStream(file, { highWaterMark: CHUNK_BYTES, signal })) {
      reader.write(chunk as Buffer);
    }
    reader.end();
  } catch (cause) {
    if (signal.aborted) throw new WhiskersError("cancelled", `reading ${file} was cancelled`, { cause });
    if (cause instanceof WhiskersError) throw cause;
    throw new WhiskersError("input-unreadable", `${file}: ${fileTroubleOf(cause)}`, { cause });
  } finally {
    endFile();
  }
}

function nameOf({ kind, name }: TarEntry): string | null {
  return kind === "file" ? (LAYOUT_FILE.exec(name)?.groups?.["name"] ?? null) : null;
}

/**
 * Writes a layout as a tar archive, the same for the same layout. It appears whole.
 * @throws WhiskersError `store-unusable`
 */
export async function writeArchive(folder: string, file: string, signal: AbortSignal): Promise<void> {
  const draft = `${file}.${process.pid}.draft`;
  try {
    await using out = await open(draft, "wx");
    for (const name of await layoutFiles(folder)) {
      signal.throwIfAborted();
      const { size } = await stat(path.join(folder, name));
      await out.writeFile(tarHeader(name, size));
      await out.writeFile(createReadStream(path.join(folder, name), { highWaterMark: CHUNK_BYTES }));
      await out.writeFile(tarPadding(size));
    }
    const forDocker = await dockerManifest(folder);
    await out.writeFile(tarHeader("manifest.json", forDocker.length));
    await out.writeFile(forDocker);
    await out.writeFile(tarPadding(forDocker.length));
    await out.writeFile(Buffer.alloc(1024));
    await out.sync();
    await rename(draft, file);
  } catch (cause) {
    if (signal.aborted) throw new WhiskersError("cancelled", `writing ${file} was cancelled`, { cause });
    throw new WhiskersError("store-unusable", `${file}: ${fileTroubleOf(cause)}`, { cause });
  } finally {
    await rm(draft, { force: true });
  }
}

/** What says what it is comes first. */
async function layoutFiles(folder: string): Promise<readonly string[]> {
  const blobs = (await readdir(path.join(folder, "blobs", "sha256"))).toSorted();
  return ["oci-layout", "index.json", ...blobs.map((hex) => `blobs/sha256/${hex}`)];
}
