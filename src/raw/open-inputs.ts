import { createReadStream } from "node:fs";
import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { fileTroubleOf } from "../domain/unknown.ts";
import { WhiskersError } from "../errors.ts";
import { fileInput } from "./file.ts";
import { folderInputs } from "./folder.ts";
import { spool } from "./hash-file.ts";
import type { Inputs } from "./input.ts";
import { zipInputs } from "./zip.ts";

/** Inputs that may lie in a temporary folder of their own until they are closed. */
export interface OpenInputs extends Inputs, AsyncDisposable {}

/**
 * Opens what a person gave as inputs: raw files, folders of raw files, OpenKAT's downloads (told by what is
 * in them, not by their names), `-` for standard input, and pipes. Bytes are hashed and, from a ZIP or a
 * pipe, written to disk on the way; never held in memory.
 * @throws WhiskersError `input-unreadable`
 */
export async function openInputs(paths: readonly string[], signal?: AbortSignal): Promise<OpenInputs> {
  const scratch = await mkdtemp(join(tmpdir(), "whiskers-raws-"));
  const close = (): Promise<void> => rm(scratch, { recursive: true, force: true });
  try {
    const opened: Inputs[] = [];
    for (const [index, given] of paths.entries()) {
      opened.push(await openOne(given, join(scratch, `input-${index}-`), signal));
    }
    return {
      inputs: opened.flatMap(({ inputs }) => inputs),
      skipped: opened.flatMap(({ skipped }) => skipped),
      [Symbol.asyncDispose]: close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

async function openOne(given: string, scratchPrefix: string, signal?: AbortSignal): Promise<Inputs> {
  signal?.throwIfAborted();
  const kind = given === "-" ? "stream" : await kindOf(given);
  if (kind === "folder") return folderInputs(given, signal);
  const path = kind === "stream" ? await spoolStream(given, `${scratchPrefix}stream`, signal) : given;
  const zipped = await readable(given, () => zipInputs(path, scratchPrefix, signal));
  if (zipped !== null) return zipped;
  return { inputs: [await fileInput(path, given, null, signal)], skipped: [] };
}

async function kindOf(given: string): Promise<"file" | "folder" | "stream"> {
  const stats = await readable(given, () => stat(given));
  if (stats.isFile()) return "file";
  if (stats.isDirectory()) return "folder";
  if (stats.isFIFO() || stats.isCharacterDevice()) return "stream";
  throw new WhiskersError("input-unreadable", `${given}: neither a file nor a folder`);
}

async function spoolStream(given: string, target: string, signal?: AbortSignal): Promise<string> {
  await readable(given, () => spool(given === "-" ? process.stdin : createReadStream(given), target, signal));
  return target;
}

async function readable<T>(given: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (cause) {
    if (cause instanceof WhiskersError) throw cause;
    if (cause instanceof Error && cause.name === "AbortError") throw cause;
    throw new WhiskersError("input-unreadable", `${given}: ${fileTroubleOf(cause)}`, { cause });
  }
}
