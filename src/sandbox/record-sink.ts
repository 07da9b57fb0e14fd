/**
 * Where the records of a run go while it runs. The records stage implements it; the sandbox layer
 * only feeds it. A run uses either `push` (guest protocol) or `pushPlain` and `endPlain` (the plain
 * form, protocol/README.md). Whatever a sink throws is the platform's trouble and ends the run.
 */
export interface RecordSink {
  /**
   * One or more whole lines of JSON Lines, UTF-8, unchecked, from one `records` frame.
   * The buffer is the sink's to keep.
   */
  push(lines: Buffer): void;

  /**
   * The next bytes that a program of the plain form printed, cut anywhere. Never more in total than
   * `limits.outputBytes`. The buffer is the sink's to keep.
   */
  pushPlain(chunk: Buffer): void;

  /**
   * The program has printed all and ended with status 0. Decides between JSON Lines, one array and
   * one object, and returns how many records there were, valid or not.
   */
  endPlain(): number;
}
