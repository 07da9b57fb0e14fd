import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { pipeline } from "node:stream/promises";

import { WhiskersError } from "../errors.ts";
import { findAll } from "./interpreters.ts";

/**
 * `sha256:<hex>` of the file of a program of this machine, by its name or whole path: another one may give other output.
 * Libraries that it loads, and programs that it starts, are not in it. Null: it is the package's own, or cannot be read.
 * @throws WhiskersError `environment-missing` there is none of that name
 */
export async function programDigest(program: string, searchPath: string): Promise<string | null> {
  if (program.startsWith("/")) return digestOf(program);
  if (program.includes("/")) return null;
  const [found] = findAll(program, searchPath);
  if (found !== undefined) return digestOf(found);
  const message = `no program ${program}: looked for it in ${searchPath}`;
  throw new WhiskersError("environment-missing", message);
}

async function digestOf(file: string): Promise<string | null> {
  const hash = createHash("sha256");
  try {
    await pipeline(createReadStream(file), hash);
  } catch {
    return null;
  }
  return `sha256:${hash.digest("hex")}`;
}
