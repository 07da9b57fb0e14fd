import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import path from "node:path";

import type { Guest } from "../../domain/package.ts";
import type { LayerSource } from "./layer-archive.ts";
import { listTree } from "./list-tree.ts";

/** The part of the SDK that a guest of this kind needs; null: it needs none. */
export async function sdkLayer(
  kind: Guest["kind"],
  sdkFolder: string,
): Promise<{ readonly source: LayerSource; readonly digest: string } | null> {
  const sdk = SDKS[kind];
  if (sdk === null) return null;
  const { name, only } = sdk;
  const folder = path.join(sdkFolder, name);
  const hash = createHash("sha256");
  for await (const entry of listTree(folder)) {
    if (entry.kind !== "file" || !only(entry.path)) continue;
    const content = createHash("sha256").update(await readFile(path.join(folder, entry.path)));
    hash.update(`${entry.path}\0${entry.executable}\0${content.digest("hex")}\n`);
  }
  const source = { folder, place: `whiskers/sdk/${name}`, only };
  return { source, digest: `sha256:${hash.digest("hex")}` };
}

interface Sdk {
  readonly name: string;
  readonly only: (file: string) => boolean;
}

const SDKS: Readonly<Record<Guest["kind"], Sdk | null>> = {
  python: { name: "python", only: (file) => /^(?:whiskers|(?:whiskers\/)?[^/]+\.py)$/u.test(file) },
  javascript: { name: "typescript", only: (file) => /^[^/]+\.(?:ts|json)$/u.test(file) },
  php: { name: "php", only: (file) => /^(?:src|src\/[^/]+\.php|[^/]+\.php)$/u.test(file) },
  // Linked into it.
  program: null,
  command: null,
  wasm: null,
};
