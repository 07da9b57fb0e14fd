import { cpSync, readFileSync, writeFileSync } from "node:fs";
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
  /** For runtimes that run on a base root alone; null: it was not made here. */
  readonly pythonOnRoot: Package | null;
  readonly javascript: Package;
  /** An interpreter that does nothing. */
  readonly bare: Package;
  readonly raw: Raw & { readonly path: string };
  readonly meta: NormalizerMeta;
  readonly metaPath: string;
}

const NORMALIZERS = join(import.meta.dirname, "normalizers");
/** Of Debian 12, as most machines that run OpenKAT have it. */
export const BENCH_ROOT = "python:3.11";

/** @param folder for its files; it is the caller's to remove */
export async function makeSubject(catalogue: Catalogue, folder: string): Promise<Subject> {
  const open = (name: string): Promise<Package> => catalogue.open(join(NORMALIZERS, name));
  const path = join(folder, "raw");
  writeFileSync(path, "www.example.com.test\n".repeat(200));
  const meta = benchMeta();
  const metaPath = join(folder, "meta.json");
  writeFileSync(metaPath, JSON.stringify(meta));
  const { sizeBytes, sha256 } = await hashFile(path);
  return {
    python: await open("python"),
    pythonOnRoot: await openOnRoot(catalogue, folder),
    javascript: await open("javascript"),
    bare: await open("bare"),
    raw: { id: meta.raw_data.id, path, sizeBytes, sha256, mimeTypes: ["text/plain"] },
    meta,
    metaPath,
  };
}

/** The same normalizer, which names a root. */
async function openOnRoot(catalogue: Catalogue, folder: string): Promise<Package | null> {
  const copy = join(folder, "python-on-root");
  cpSync(join(NORMALIZERS, "python"), copy, { recursive: true });
  const manifest = join(copy, "normalizer.json");
  const text = readFileSync(manifest, "utf8").replace(
    '"environment": "python"',
    `"environment": "${BENCH_ROOT}"`,
  );
  writeFileSync(manifest, text);
  const pkg = await catalogue.open(copy);
  return pkg.root === null ? null : pkg;
}
