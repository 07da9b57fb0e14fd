import type { NormalizerMeta } from "../domain/meta.ts";
import type { Raw } from "../domain/raw.ts";
import type { Manifest } from "../domain/package.ts";
import type { Run } from "../domain/run.ts";
import type { Input } from "../raw/input.ts";
import { type MetaOverrides, normalizerMeta } from "../raw/normalizer-meta.ts";
import { runTask, type Stages } from "../run-task.ts";
import type { DebugChannel } from "../sandbox/link.ts";
import type { RunOptions } from "../sandbox/sandboxes.ts";

/** What the runs of one command have in common. */
export interface RunSetting {
  /** Of the package. */
  readonly reference: string;
  readonly manifest: Manifest;
  readonly stages: Omit<Stages, "fetch">;
  readonly options: RunOptions;
  readonly overrides: MetaOverrides;
}

/** Runs a package on one raw file that a person gave. @throws WhiskersError as `runTask` */
export function runInput(
  input: Input,
  setting: RunSetting,
  signal: AbortSignal,
  debug?: DebugChannel,
): Promise<Run> {
  const { reference, manifest, stages, options, overrides } = setting;
  const meta = normalizerMeta(input, manifest, overrides);
  const fetched = { raw: rawOf(input, meta), meta, debug };
  const task = { id: meta.id, package: reference, raw: input.name };
  return runTask(task, { ...stages, fetch: () => Promise.resolve(fetched) }, options, signal);
}

/** The raw as the meta has it, which a person may have said. */
function rawOf({ raw }: Input, { raw_data: known }: NormalizerMeta): Raw {
  return { ...raw, id: known.id, mimeTypes: known.mime_types.map(({ value }) => value) };
}
