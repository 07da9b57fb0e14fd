import { open, realpath, stat } from "node:fs/promises";
import path from "node:path";

import type { Guest, Manifest, Package } from "../domain/package.ts";
import { fileTroubleOf } from "../domain/unknown.ts";
import { WhiskersError } from "../errors.ts";
import { parseManifest } from "./manifest.ts";
import { storeFolder } from "./store-folder.ts";

const MOST_MANIFEST_BYTES = 256 * 1024;

/**
 * Makes the package in a folder ready to be run: hashes it, puts a copy into the store under `home`, and
 * reads the manifest of that copy. An unchanged folder is neither read nor copied again.
 * @param folder path of a folder with a normalizer.json
 * @param options.shownAs the folder, as errors call it
 * @throws WhiskersError `package-unreadable`, `manifest-invalid`
 */
export async function openPackage(
  folder: string,
  { home, shownAs = folder }: { readonly home: string; readonly shownAs?: string },
): Promise<Package> {
  const source = await realFolder(folder);
  // Before the copy: a folder without a manifest may be anything, also very large.
  await readManifest(source, shownAs);
  const stored = await storeFolder(source, path.resolve(home));
  const manifest = await readManifest(stored.folder, shownAs);
  await checkProgram(manifest.guest, stored.folder, shownAs);
  await checkOpenKat(manifest.guest, stored.folder, shownAs);
  return { manifest, digest: stored.digest, folder: stored.folder, root: null, dependencies: null };
}

async function realFolder(folder: string): Promise<string> {
  try {
    const real = await realpath(folder);
    if (!(await stat(real)).isDirectory())
      throw new Error("it is not a folder; a package is a folder with a normalizer.json");
    return real;
  } catch (cause) {
    throw new WhiskersError("package-unreadable", `${folder}: ${fileTroubleOf(cause)}`, { cause });
  }
}

/** @param shownAs folder as errors call it */
export async function readManifest(folder: string, shownAs: string): Promise<Manifest> {
  const file = path.join(shownAs, "normalizer.json");
  return parseManifest(await readText(path.join(folder, "normalizer.json"), file), file);
}

async function readText(file: string, shownAs: string): Promise<string> {
  const buffer = Buffer.alloc(MOST_MANIFEST_BYTES + 1);
  let length = 0;
  try {
    await using handle = await open(file);
    for (;;) {
      const { bytesRead } = await handle.read(buffer, length, buffer.length - length);
      if (bytesRead === 0) break;
      length += bytesRead;
    }
  } catch (cause) {
    throw new WhiskersError("manifest-invalid", `${shownAs}: ${fileTroubleOf(cause)}`, { cause });
  }
  if (length > MOST_MANIFEST_BYTES) {
    throw new WhiskersError("manifest-invalid", `${shownAs} is longer than ${MOST_MANIFEST_BYTES} bytes`);
  }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(buffer.subarray(0, length));
  } catch (cause) {
    throw new WhiskersError("manifest-invalid", `${shownAs} is not UTF-8`, { cause });
  }
}

/** Here, because a runtime could not tell a missing program of the package's from a fault of its own. */
export async function checkProgram(guest: Guest, folder: string, shownAs: string): Promise<void> {
  if (guest.kind === "wasm") {
    if (await isFile(path.join(folder, guest.file))) return;
    const manifest = path.join(shownAs, "normalizer.json");
    throw new WhiskersError(
      "manifest-invalid",
      `${manifest}: entrypoint is ${JSON.stringify(guest.file)}: no such file in this folder; build it first`,
    );
  }
  const program = guest.kind === "command" || guest.kind === "program" ? guest.argv[0] : undefined;
  if (program?.includes("/") !== true) return;
  const mode = await stat(path.join(folder, program)).then(
    (stats) => (stats.isFile() ? stats.mode : null),
    () => null,
  );
  if (mode === null || (mode & 0o100) === 0) {
    throw new WhiskersError(
      "manifest-invalid",
      `${path.join(shownAs, "normalizer.json")}: entrypoint[0] is ${JSON.stringify(program)}: ` +
        (mode === null
          ? `no such file in this folder${await howToGetIt(folder)}`
          : "that file is not executable (chmod +x)"),
    );
  }
}

async function howToGetIt(folder: string): Promise<string> {
  const isSource = await Promise.all(["Cargo.toml", "go.mod"].map((name) => isFile(path.join(folder, name))));
  return isSource.includes(true)
    ? '; build it first, or say "environment": "wasm", "entrypoint": "normalize.wasm": Whiskers compiles that by itself'
    : "";
}

/** A manifest that says nothing of how it is run may be one of OpenKAT's, or not finished yet. */
export async function checkOpenKat(guest: Guest, folder: string, shownAs: string): Promise<void> {
  if (guest.kind !== "python" || guest.convention !== "openkat") return;
  const module = guest.module.replaceAll(".", "/");
  const found = await Promise.all([
    isFile(`${folder}/${module}.py`),
    isFile(`${folder}/${module}/__init__.py`),
  ]);
  if (!found.includes(true)) {
    throw new WhiskersError(
      "manifest-invalid",
      `${path.join(shownAs, "normalizer.json")}: a manifest without environment and entrypoint is one of OpenKAT's, ` +
        `which has a ${module}.py beside it, and there is none: expected "environment" and "entrypoint", or ${module}.py`,
    );
  }
}

function isFile(file: string): Promise<boolean> {
  return stat(file).then(
    (stats) => stats.isFile(),
    () => false,
  );
}
