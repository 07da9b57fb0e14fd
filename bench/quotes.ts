import { globSync, readFileSync } from "node:fs";
import path from "node:path";

import { isObject } from "../src/domain/unknown.ts";
import type { ResultFile } from "./save-result.ts";

const ROOT = path.resolve(import.meta.dirname, "..");
export const RESULTS = path.join(import.meta.dirname, "results");

/** A figure in a document, and where it is from. */
export interface Quote {
  readonly document: string;
  readonly line: number;
  /** As it is printed: `1,234.5`. */
  readonly printed: string;
  /** Of the result file, without `.json`. */
  readonly file: string;
  /** Names from the file's `measurements` on, between dots. */
  readonly place: string;
  /** What the figure is divided by to get what is printed. */
  readonly unit: number;
}

/**
 * A figure in a document is followed by where it is from, unseen by readers:
 * `248<!-- 2026-11-25-supervise: reuse-server.tasksPerSecond -->`, with ` / 1e6` where it is printed in another unit.
 */
const QUOTE =
  /(?<printed>(?:(?<=\s)-)?\d[\d,]*(?:\.\d+)?)<!-- (?<file>\d{4}-\d\d-\d\d-[\w-]+): (?<place>[\w.-]+)(?: \/ (?<unit>[\de.]+))? -->/gu;

/** Paths from the root of the repository. */
export function documents(): readonly string[] {
  return globSync(["*.md", "docs/**/*.md"], { cwd: ROOT });
}

export function readDocument(document: string): string {
  return readFileSync(path.join(ROOT, document), "utf8");
}

export function quotesIn(document: string): readonly Quote[] {
  const lines = readDocument(document).split("\n");
  return lines.flatMap((text, index) =>
    [...text.matchAll(QUOTE)].map(({ groups }) => ({
      document,
      line: index + 1,
      printed: groups?.["printed"] ?? "",
      file: groups?.["file"] ?? "",
      place: groups?.["place"] ?? "",
      unit: Number(groups?.["unit"] ?? 1),
    })),
  );
}

/** `name`: of a file in `bench/results`. */
export function readResultFile(name: string): ResultFile {
  return JSON.parse(readFileSync(path.join(RESULTS, name), "utf8")) as ResultFile;
}

/** As it has to be printed, with as many decimals, and commas where there are some. @throws nothing was measured there */
export function rightlyPrinted({ printed, file, place, unit }: Quote): string {
  let at: unknown = readResultFile(`${file}.json`).measurements;
  for (const name of place.split(".")) at = isObject(at) || Array.isArray(at) ? Reflect.get(at, name) : null;
  if (typeof at !== "number") throw new Error(`nothing was measured at ${place} of ${file}`);
  const value = at / unit;
  const decimals = printed.split(".")[1]?.length ?? 0;
  const text = value.toFixed(decimals);
  return printed.includes(",") || value >= 1000 ? text.replaceAll(/\B(?=(?:\d{3})+(?!\d))/gu, ",") : text;
}
