import type { RawDataMeta } from "./meta.ts";

/** One piece of work: run a normalizer on a raw file. */
export interface Task {
  /** Equals the id of its NormalizerMeta. */
  readonly id: string;
  /** Reference of the package: a folder, or the id of a normalizer that the supervisor has. */
  readonly package: string;
  /** Reference of the raw file: a path, or whatever the stage that fetches it knows it by. */
  readonly raw: string;
  /** Who gave the task and has to be told what became of it; absent: nobody. */
  readonly scheduler?: "mula";
  /** What is known of the raw file, and its id is its id in Bytes; absent: the stage that fetches it knows. */
  readonly rawData?: RawDataMeta;
}
