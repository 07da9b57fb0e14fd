import { cpSync, mkdirSync } from "node:fs";
import path from "node:path";

import type { Package } from "../src/domain/package.ts";
import { messageOf } from "../src/domain/unknown.ts";
import { compilePackage } from "../src/packages/build/wasm/compile-package.ts";
import { openPackage } from "../src/packages/open-package.ts";

const NEVER = new AbortController().signal;
const ROOT = path.resolve(import.meta.dirname, "..");

/** One normalizer in several languages, as WebAssembly. */
export interface BenchPackages {
  /** By language. */
  readonly packages: ReadonlyMap<string, Package>;
  /** Languages that could not be compiled here, and why. */
  readonly missing: Readonly<Record<string, string>>;
}

/** As many as can be compiled here. @param folder for their sources; it is the caller's to remove */
export async function compileBenchPackages(folder: string, home: string): Promise<BenchPackages> {
  const missing: Record<string, string> = {};
  const packages = new Map<string, Package>();
  for (const language of ["rust", "go", "ruby"]) {
    const source = path.join(folder, language);
    copySource(language, source);
    try {
      await using compiled = await compilePackage(source, language !== "ruby", {
        home,
        env: process.env,
        signal: NEVER,
        progress: () => {},
      });
      packages.set(language, await openPackage(compiled.folder, { home }));
    } catch (error) {
      missing[language] = messageOf(error);
    }
  }
  return { packages, missing };
}

/** As `whiskers new` lays it out. */
function copySource(language: string, folder: string): void {
  mkdirSync(folder);
  if (language === "ruby") {
    cpSync(path.join(import.meta.dirname, "normalizer-ruby"), folder, { recursive: true });
    return;
  }
  cpSync(path.join(ROOT, "templates", language), folder, { recursive: true });
  cpSync(path.join(ROOT, "sdk", language), path.join(folder, "whiskers"), { recursive: true });
}
