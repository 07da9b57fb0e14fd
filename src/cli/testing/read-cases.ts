import { readdir, readFile, stat } from "node:fs/promises";
import path from "node:path";

import type { NormalizerMeta, RawDataMeta } from "../../domain/meta.ts";
import { codeOf, fileTroubleOf } from "../../domain/unknown.ts";
import { WhiskersError } from "../../errors.ts";
import { parseMeta } from "../../raw/raw-meta.ts";
import { parseExpectation } from "./expectation.ts";
import type { Expectation } from "./expectation.ts";

/** One folder of `tests/`. */
export interface Case {
  readonly name: string;
  readonly rawFile: string;
  readonly meta: NormalizerMeta | RawDataMeta | undefined;
  readonly expectedFile: string;
  /** Null: it is still to be written. */
  readonly expected: Expectation | null;
}

/** The cases of a normalizer's folder, by name. @throws WhiskersError `input-unreadable` */
export async function readCases(folder: string): Promise<readonly Case[]> {
  const tests = path.join(folder, "tests");
  const cases: Case[] = [];
  for (const name of await foldersIn(tests)) cases.push(await readCase(path.join(tests, name), name));
  return cases;
}

async function readCase(folder: string, name: string): Promise<Case> {
  const [rawFile, metaFile, expectedFile] = ["raw", "meta.json", "expected.json"].map((each) =>
    path.join(folder, each),
  ) as [string, string, string];
  await stat(rawFile).catch((cause: unknown) => {
    const what = codeOf(cause) === "ENOENT" ? "a case needs a raw file of this name" : fileTroubleOf(cause);
    throw new WhiskersError("input-unreadable", `${rawFile}: ${what}`, { cause });
  });
  const meta = await readIfThere(metaFile);
  const expected = await readIfThere(expectedFile);
  return {
    name,
    rawFile,
    meta: meta === null ? undefined : parseMeta(meta, metaFile),
    expectedFile,
    expected: expected === null ? null : parseExpectation(expected, expectedFile),
  };
}

async function foldersIn(folder: string): Promise<readonly string[]> {
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    return entries
      .filter((entry) => entry.isDirectory() && !entry.name.startsWith("."))
      .map(({ name }) => name)
      .toSorted();
  } catch (cause) {
    if (codeOf(cause) === "ENOENT") return [];
    throw new WhiskersError("input-unreadable", `${folder}: ${fileTroubleOf(cause)}`, { cause });
  }
}

async function readIfThere(file: string): Promise<string | null> {
  try {
    return await readFile(file, "utf8");
  } catch (cause) {
    if (codeOf(cause) === "ENOENT") return null;
    throw new WhiskersError("input-unreadable", `${file}: ${fileTroubleOf(cause)}`, { cause });
  }
}
