import type { RawDataMeta } from "./meta.ts";

/** One piece of work: run a normalizer on a raw file. */
export interface Task {
  /** Equals the id of its NormalizerMeta. */
  readonly id: string;
  /** Reference of the package: a folder, or the id of a normalizer that the supervisor has. */
  readonly package: string;
  /** Reference of the raw file: a path, or whatever the stage that fetches it knows it by. */
  readonly raw: string;
  /**
   * `mula`: OpenKAT's scheduler gave it, and is told what becomes of it. `bytes`: made here, for a raw file
   * of OpenKAT's. The results of both go to OpenKAT. Absent: the raw file is here, and so the results stay.
   */
  readonly origin?: "mula" | "bytes";
  /** What is known of the raw file; absent: the stage that fetches it knows. */
  readonly rawData?: RawDataMeta;
}
