/**
 * What one run may use. Every number has a unit in its name; every one is enforced by the
 * conductor (`src/sandbox/conduct.ts`), by the driver, or by both, and SPECIFICATION.md
 * names the test that proves it.
 */
export interface Limits {
  /** Wall clock from handing over the run until `done`, milliseconds. */
  readonly wallMs: number;
  /** Wall clock from opening a sandbox until its guest says `ready`, milliseconds. */
  readonly startMs: number;
  /** Memory of all processes of the sandbox together, bytes. */
  readonly memoryBytes: number;
  /** Processes and threads of the sandbox together. */
  readonly processes: number;
  /** Open descriptors per process. */
  readonly openFiles: number;
  /** Size of the private /tmp, bytes; also the largest single file (RLIMIT_FSIZE). */
  readonly tmpBytes: number;
  /** Total payload of `records` frames of one run, bytes. */
  readonly outputBytes: number;
  /** Records of one run. */
  readonly records: number;
  /** Log text that is kept per run, bytes. What comes after it is dropped and counted. */
  readonly logBytes: number;
  /** Log text after which the run is ended, bytes: a flood is not a log. */
  readonly logFloodBytes: number;
  /** Largest payload of one frame, bytes. */
  readonly frameBytes: number;
  /** Deepest nesting of one JSON record. */
  readonly jsonDepth: number;
  /** Processors' worth of CPU time per second of wall time (1 = one core). */
  readonly cpus: number;
}

const KiB = 1024;
const MiB = 1024 * KiB;

export const DEFAULT_LIMITS: Limits = Object.freeze({
  wallMs: 60_000,
  startMs: 20_000,
  memoryBytes: 512 * MiB,
  processes: 64,
  openFiles: 256,
  tmpBytes: 64 * MiB,
  outputBytes: 256 * MiB,
  records: 1_000_000,
  logBytes: 256 * KiB,
  logFloodBytes: 16 * MiB,
  frameBytes: 16 * MiB,
  jsonDepth: 64,
  cpus: 1,
});
