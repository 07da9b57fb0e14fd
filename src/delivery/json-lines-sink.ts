import { randomUUID } from "node:crypto";
import { mkdir, open, rename, rm } from "node:fs/promises";
import path from "node:path";

import { fileTroubleOf } from "../domain/unknown.ts";
import { WhiskersError } from "../errors.ts";
import { type Output, originOf, outputLines } from "./output.ts";
import type { OutputSink } from "./output-sink.ts";

/** So much text is written at once, bytes. */
const CHUNK_BYTES = 1 << 20;

/**
 * A file of JSON Lines for each task: `<folder>/<day of the scan>/<task id>.jsonl`, empty when nothing was found. It
 * appears whole or not at all, whoever else writes there, and a retry replaces it.
 */
export function jsonLinesSink(folder: string): OutputSink {
  return {
    step: (output) => ({
      name: "jsonl",
      async send(signal) {
        const day = originOf(output).validTime?.slice(0, 10) ?? "undated";
        const target = path.join(folder, /^\d{4}-\d\d-\d\d$/u.test(day) ? day : "undated");
        const draft = path.join(target, `.${output.taskId}.${randomUUID()}.tmp`);
        try {
          await mkdir(target, { recursive: true });
          await write(draft, output, signal);
          await rename(draft, path.join(target, `${output.taskId}.jsonl`));
        } catch (cause) {
          await rm(draft, { force: true }).catch(() => {});
          if (cause instanceof WhiskersError) throw cause;
          const message = `${target}: ${fileTroubleOf(cause)}`;
          throw new WhiskersError("sink-unwritable", message, { cause });
        }
      },
    }),
  };
}

async function write(file: string, output: Output, signal: AbortSignal): Promise<void> {
  await using handle = await open(file, "wx", 0o640);
  let text = "";
  const flush = async (): Promise<void> => {
    if (signal.aborted) throw new WhiskersError("cancelled", "writing an output was cancelled");
    await handle.appendFile(text);
    text = "";
  };
  for (const line of outputLines(output)) {
    text += line;
    if (text.length >= CHUNK_BYTES) await flush();
  }
  await flush();
  await handle.sync();
}
