import { open } from "node:fs/promises";
import { constants } from "node:fs";

import { isObject } from "../../domain/unknown.ts";

const MOST_BYTES = 32 * 2 ** 20;

/** A regular file as text; null: it is not there, is a link, or is too large. What is installed is not trusted. */
export async function readSmall(file: string): Promise<string | null> {
  try {
    await using handle = await open(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    const stats = await handle.stat();
    return stats.isFile() && stats.size <= MOST_BYTES ? await handle.readFile("utf8") : null;
  } catch {
    return null;
  }
}

/** The same as a JSON object; null: it is none. */
export async function readJson(file: string): Promise<Readonly<Record<string, unknown>> | null> {
  try {
    const value: unknown = JSON.parse((await readSmall(file)) ?? "");
    return isObject(value) ? value : null;
  } catch {
    return null;
  }
}
