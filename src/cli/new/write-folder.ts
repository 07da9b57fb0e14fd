import { cp, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";

import { codeOf, fileTroubleOf } from "../../domain/unknown.ts";
import { WhiskersError } from "../../errors.ts";
import { buildCommand } from "./languages.ts";
import type { Language } from "./languages.ts";

const ROOT = path.resolve(import.meta.dirname, "../../..");

/** Parts of an SDK that nobody needs who uses it. */
const LEFT_OUT = /(?:_test\.go|\/test|\/examples|\/target|Cargo\.lock)$/u;

/**
 * Fills a new folder with a normalizer that works: code, manifest, the manifest's schema, a case, and a compiled
 * language's SDK.
 * @throws WhiskersError `usage` it is there already, or cannot be written
 */
export async function writeFolder(
  folder: string,
  id: string,
  name: string,
  language: Language,
): Promise<void> {
  await makeNew(folder);
  for (const source of ["common", name]) {
    const options = { recursive: true, verbatimSymlinks: true };
    await cp(path.join(ROOT, "templates", source), folder, options);
  }
  const build =
    language.build.length === 0 ? "" : `\nAfter a change, build it: \`${buildCommand(language)}\`\n`;
  await fillIn(folder, { NAME: id, CODE: `\`${language.code}\``, BUILD: build });
  await cp(path.join(ROOT, "protocol/schemas/normalizer.json"), path.join(folder, "normalizer.schema.json"));
  if (language.sdk !== null) {
    const filter = (source: string): boolean => !LEFT_OUT.test(source);
    await cp(path.join(ROOT, "sdk", language.sdk), path.join(folder, "whiskers"), {
      recursive: true,
      filter,
    });
  }
}

async function makeNew(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true });
    if ((await readdir(folder)).length === 0) return;
  } catch (cause) {
    const what = codeOf(cause) === "EEXIST" ? "it is there already" : fileTroubleOf(cause);
    throw new WhiskersError("usage", `${folder}: ${what}`, { cause });
  }
  throw new WhiskersError("usage", `${folder}: it is there already, and not empty`);
}

/** In the two files that name the normalizer. */
async function fillIn(folder: string, values: Readonly<Record<string, string>>): Promise<void> {
  for (const file of ["normalizer.json", "README.md"]) {
    let text = await readFile(path.join(folder, file), "utf8");
    for (const [key, value] of Object.entries(values)) {
      text = text.replaceAll(new RegExp(`\\b${key}\\b`, "gu"), () => value);
    }
    await writeFile(path.join(folder, file), text);
  }
}
