import { unlink } from "node:fs/promises";
import path from "node:path";

import type { NormalizerMeta } from "../domain/meta.ts";
import type { Manifest } from "../domain/package.ts";
import type { Raw } from "../domain/raw.ts";
import type { Task } from "../domain/task.ts";
import { WhiskersError } from "../errors.ts";
import { retrying } from "../http/retrying.ts";
import type { Bytes } from "../raw/bytes.ts";
import { fileInput } from "../raw/file.ts";
import type { Input } from "../raw/input.ts";
import { normalizerMeta } from "../raw/normalizer-meta.ts";
import type { Fetched } from "../run-task.ts";

/** Raw files that wait for their run, together: when there are more, fetching pauses. */
const AHEAD_BYTES = 512 * 1024 * 1024;
/** Smaller ones are kept in memory: making a file and removing it costs more than the run of a small normalizer. */
const IN_MEMORY_BYTES = 64 * 1024;
/** A short trouble is waited for here; a long one by giving the task back. */
const RETRY = { attempts: 3, baseMs: 100, capMs: 1000 };

export interface RawFetcherOptions {
  /** Null: there is none. */
  readonly bytes: Bytes | null;
  readonly folder: string;
  readonly maxBytes: number;
  /** For one file as a whole. */
  readonly timeoutMs: number;
}

/** Fetches raw files ahead of their runs and keeps them until those are over. */
export class RawFetcher {
  readonly #options: RawFetcherOptions;
  readonly #fetched = new Map<string, { readonly raw: Raw; readonly input: Input | null }>();
  #bytesHeld = 0;

  constructor(options: RawFetcherOptions) {
    this.#options = options;
  }

  get hasRoom(): boolean {
    return this.#bytesHeld < AHEAD_BYTES;
  }

  /** @throws WhiskersError `upstream-*`, `input-unreadable`, `cancelled` */
  async fetch(task: Task, signal: AbortSignal): Promise<void> {
    if (this.#fetched.has(task.id)) return;
    const fetched =
      task.origin === undefined ? await fromFile(task, signal) : await this.#download(task, signal);
    this.#fetched.set(task.id, fetched);
    this.#bytesHeld += fetched.raw.sizeBytes;
  }

  /** What was fetched, with the meta that the normalizer gets. @throws when it was not */
  take(task: Task, manifest: Manifest): Fetched {
    const found = this.#fetched.get(task.id);
    if (found === undefined) throw new Error(`the raw file of task ${task.id} was not fetched`);
    const { raw, input } = found;
    if (input !== null) return { raw, meta: { ...normalizerMeta(input, manifest), id: task.id } };
    return { raw, meta: metaOf(task, manifest) };
  }

  async forget(taskId: string): Promise<void> {
    const found = this.#fetched.get(taskId);
    if (found === undefined) return;
    this.#fetched.delete(taskId);
    this.#bytesHeld -= found.raw.sizeBytes;
    if (found.input === null && found.raw.content === undefined) await unlink(found.raw.path);
  }

  async #download(task: Task, signal: AbortSignal): Promise<{ readonly raw: Raw; readonly input: null }> {
    const { bytes, folder, maxBytes, timeoutMs } = this.#options;
    if (bytes === null) {
      throw new WhiskersError("config-invalid", "the raw file is in Bytes: BYTES_API must be set");
    }
    const file = path.join(folder, task.id);
    const { rawData } = task;
    const hash = rawData?.secure_hash ?? null;
    const secureHash =
      hash === null ? null : { value: hash, boefjeEndedAt: rawData?.boefje_meta.ended_at ?? "" };
    const timeout = new AbortController();
    const timer = setTimeout(() => {
      timeout.abort();
    }, timeoutMs);
    const either = AbortSignal.any([signal, timeout.signal]);
    try {
      const order = { rawId: task.raw, path: file, inMemoryBytes: IN_MEMORY_BYTES, maxBytes, secureHash };
      const { content, ...got } = await retrying(RETRY, either, () => bytes.download(order, either));
      const mimeTypes = rawData?.mime_types.map(({ value }) => value) ?? [];
      const raw = { id: task.raw, path: file, ...got, mimeTypes };
      return { raw: content === null ? raw : { ...raw, content }, input: null };
    } catch (error) {
      if (!timeout.signal.aborted || signal.aborted) throw error;
      // It came, but too slowly: it would again.
      const message = `raw file ${task.raw} was not there after ${timeoutMs / 1000} s`;
      throw new WhiskersError("input-unreadable", message, { cause: error });
    } finally {
      clearTimeout(timer);
    }
  }
}

async function fromFile(
  task: Task,
  signal: AbortSignal,
): Promise<{ readonly raw: Raw; readonly input: Input }> {
  const input = await fileInput(task.raw, task.raw, task.rawData ?? null, signal);
  return { raw: input.raw, input };
}

/** The run has not begun: its times are now and null. */
function metaOf(task: Task, manifest: Manifest): NormalizerMeta {
  const { rawData } = task;
  if (rawData === undefined) throw new Error(`nothing is known of the raw file of task ${task.id}`);
  return {
    id: task.id,
    raw_data: rawData,
    normalizer: { id: manifest.id, version: manifest.version },
    started_at: new Date().toISOString(),
    ended_at: null,
  };
}
