/** One raw file, fetched and ready to be handed to a sandbox. A large one lies in a file, never whole in our memory. */
export interface Raw {
  /** Id in Bytes; for a file from a command line a UUID derived from its digest. */
  readonly id: string;
  /** Absolute path of the bytes on this machine; with `content`, where they would be. */
  readonly path: string;
  /** The bytes themselves, where they are few and were never written to a file. */
  readonly content?: Buffer;
  readonly sizeBytes: number;
  /** Lower-case hex. */
  readonly sha256: string;
  readonly mimeTypes: readonly string[];
}
