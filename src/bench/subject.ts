import { writeFileSync } from "node:fs";
import { join } from "node:path";

import type { NormalizerMeta } from "../domain/meta.ts";
import type { Package } from "../domain/package.ts";
import type { Raw } from "../domain/raw.ts";
import type { Catalogue } from "../packages/catalogue.ts";
import { hashFile } from "../raw/hash-file.ts";
import { benchMeta } from "./bench-meta.ts";

/** What is run in every way: one small normalizer, in two languages, on one raw file. */
export interface Subject {
  readonly python: Package;
  readonly javascript: Package;
  /** An interpreter that does nothing. */
  readonly bare: Package;
  readonly raw: Raw & { readonly path: string };
  readonly meta: NormalizerMeta;
  readonly metaPath: string;
}

/** @param folder for its files; it is the caller's to remove */
export async function makeSubject(catalogue: Catalogue, folder: string): Promise<Subject> {
  const open = (name: string): Promise<Package> =>
    catalogue.open(join(import.meta.dirname, "normalizers", name));
  const path = join(folder, "raw");
  writeFileSync(path, "www.example.com.test\n".repeat(200));
  const meta = benchMeta();
  const metaPath = join(folder, "meta.json");
  writeFileSync(metaPath, JSON.stringify(meta));
  const { sizeBytes, sha256 } = await hashFile(path);
  return {
    python: await open("python"),
    javascript: await open("javascript"),
    bare: await open("bare"),
    raw: { id: meta.raw_data.id, path, sizeBytes, sha256, mimeTypes: ["text/plain"] },
    meta,
    metaPath,
  };
}
