/** One piece of work: run a normalizer on a raw file. */
export interface Task {
  /** Equals the id of its NormalizerMeta. */
  readonly id: string;
  /** Reference of the package: a folder. */
  readonly package: string;
  /** Reference of the raw file: a path, or whatever the stage that fetches it knows it by. */
  readonly raw: string;
}
