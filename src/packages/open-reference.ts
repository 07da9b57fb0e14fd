import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, open, realpath, rm, stat } from "node:fs/promises";
import path from "node:path";

import type { Package } from "../domain/package.ts";
import { fileTroubleOf } from "../domain/unknown.ts";
import { WhiskersError } from "../errors.ts";
import { type FoundImage, openImage } from "./open-image.ts";
import { openPackage } from "./open-package.ts";
import { unpackZip } from "./unpack-zip.ts";

/** Brings an image into the store: `NAME:TAG`, `NAME@DIGEST` (from a registry when it is not here), `oci:FOLDER`, `FILE.tar`. */
export type FindImage = (reference: string) => Promise<FoundImage>;

export interface OpenReferenceOptions {
  readonly home: string;
  /** Not given: there are no images. */
  readonly findImage?: FindImage | undefined;
  /** Called before a folder or a ZIP is opened. What it throws is passed on. */
  readonly admitLocal?: ((reference: string) => void) | undefined;
  /** Called before a folder is opened, once it is admitted: makes what of it is missing. */
  readonly compile?: ((folder: string) => Promise<unknown>) | undefined;
}

/** What a reference of a package leads to. */
type Kind = "folder" | "zip" | "image";

/**
 * Makes a package ready to be run, wherever it is: a folder, a ZIP of one (also a Python zipapp), an image.
 * @throws WhiskersError `package-unreadable`, `manifest-invalid`; as `openImage` and `FindImage`
 */
export async function openReference(reference: string, options: OpenReferenceOptions): Promise<Package> {
  const { home, findImage, admitLocal, compile } = options;
  switch (await kindOf(reference)) {
    case "folder":
      admitLocal?.(reference);
      await compile?.(reference);
      return openPackage(reference, { home });
    case "zip":
      admitLocal?.(reference);
      return openZip(reference, home);
    case "image":
      if (findImage === undefined)
        throw new WhiskersError("usage", `${reference}: images cannot be used here`);
      return openImage(await findImage(reference), home);
  }
}

/** Whether it can only be an image: it is no path. */
export function isImageReference(reference: string): boolean {
  return reference.startsWith("oci:") || NAMES_IMAGE.test(reference);
}

/** The same package, from whatever folder it is asked for. */
export function absoluteReference(reference: string): string {
  if (reference.startsWith("oci:")) {
    const [folder = "", ...name] = reference.slice("oci:".length).split(":");
    return ["oci", path.resolve(folder), ...name].join(":");
  }
  return isImageReference(reference) && !existsSync(reference) ? reference : path.resolve(reference);
}

/** With a tag or a digest, so that the name of a folder that is not there is not looked for in a registry. */
const NAMES_IMAGE = /^[\w.[\]:-]+(?:\/[\w.-]+)*(?::[\w.-]+|@sha256:[0-9a-f]{64})$/u;

async function kindOf(reference: string): Promise<Kind> {
  if (reference.startsWith("oci:")) return "image";
  const stats = await stat(reference).catch(() => null);
  if (stats === null) return isImageReference(reference) ? "image" : "folder";
  if (stats.isFile()) return kindOfFile(reference);
  return "folder";
}

/** The header of a local entry of a ZIP, and the record at its end: APPNOTE.TXT 4.3.7, 4.3.16. */
const ZIP_START = Buffer.from("PK\u0003\u0004");
const ZIP_END = Buffer.from("PK\u0005\u0006");
const ZIP_END_MAX_BYTES = 22 + 65_535;
/** Of tar, POSIX.1-1988 and later. */
const TAR_MAGIC = Buffer.from("ustar");
const TAR_MAGIC_AT = 257;

async function kindOfFile(file: string): Promise<Kind> {
  try {
    await using handle = await open(file);
    const { size } = await handle.stat();
    const head = Buffer.alloc(512);
    await handle.read(head, 0, head.length, 0);
    if (head.subarray(0, ZIP_START.length).equals(ZIP_START)) return "zip";
    if (head.subarray(TAR_MAGIC_AT, TAR_MAGIC_AT + TAR_MAGIC.length).equals(TAR_MAGIC)) return "image";
    // A zipapp begins with a line for the kernel.
    const tail = Buffer.alloc(Math.min(size, ZIP_END_MAX_BYTES));
    await handle.read(tail, 0, tail.length, size - tail.length);
    if (tail.includes(ZIP_END)) return "zip";
  } catch (cause) {
    throw new WhiskersError("package-unreadable", `${file}: ${fileTroubleOf(cause)}`, { cause });
  }
  throw new WhiskersError(
    "package-unreadable",
    `${file}: it is not a folder, nor a ZIP of one, nor an archive of an image; a package is a folder with a normalizer.json`,
  );
}

async function openZip(file: string, home: string): Promise<Package> {
  const draft = path.join(home, "packages", `.draft-zip-${process.pid}-${randomBytes(6).toString("hex")}`);
  await mkdir(draft, { recursive: true });
  try {
    const folder = await unpackZip(file, await realpath(draft), file);
    return await openPackage(folder, { home, shownAs: file });
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}
