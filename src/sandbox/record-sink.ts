/** Where the records of a run go while it runs. The records stage implements it; the sandbox layer only feeds it. */
export interface RecordSink {
  /**
   * One or more whole lines of JSON Lines, UTF-8, unchecked, from one `records` frame.
   * The buffer is the sink's to keep.
   */
  push(lines: Buffer): void;
}
