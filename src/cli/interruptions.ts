/** Ways in which someone outside wants us to stop. */
export interface Interruptions {
  readonly signal: AbortSignal;
  /** What to exit with, once interrupted: 128 + the signal's number, as shells have it. */
  readonly exitCode: number | null;
}

const SIGNALS = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;
const SIGPIPE = 141;

/**
 * SIGINT, SIGTERM and SIGHUP, and a reader that went away (`| head`), abort the signal, so that everything
 * is put away before we end. The same signal again ends us at once.
 */
export function watchInterruptions(): Interruptions {
  const controller = new AbortController();
  let exitCode: number | null = null;
  const interrupt = (code: number): void => {
    if (exitCode !== null) return;
    exitCode = code;
    controller.abort();
  };
  for (const [name, code] of Object.entries(SIGNALS)) {
    process.once(name, () => {
      interrupt(code);
    });
  }
  process.stdout.on("error", () => {
    interrupt(SIGPIPE);
  });
  process.stderr.on("error", () => {}); // Complaints that nobody reads.
  return {
    signal: controller.signal,
    get exitCode() {
      return exitCode;
    },
  };
}
