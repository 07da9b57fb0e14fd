import type { Sandbox } from "./driver.ts";

/** How long output may lie still after the sandbox ended, before its stream is given up, milliseconds. */
const LATE_MS = 200;

/**
 * Calls back once when nothing more will come from the sandbox: its output ended, or no process is
 * left and no byte has come for LATE_MS. The second, since a process that got away from its driver
 * may hold the stream open for ever. `receivedBytes` tells progress.
 */
export function onOutputEnd(sandbox: Sandbox, receivedBytes: () => number, callback: () => void): void {
  let timer: NodeJS.Timeout | null = null;
  let called = false;
  const finish = (): void => {
    if (called) return;
    called = true;
    if (timer !== null) clearTimeout(timer);
    callback();
  };
  sandbox.output.once("end", finish);
  // A stream that fails or is destroyed has no `end`.
  sandbox.output.once("close", finish);

  const wait = (seenBytes: number): void => {
    if (called) return;
    timer = setTimeout(() => {
      const nowBytes = receivedBytes();
      if (nowBytes === seenBytes) finish();
      else wait(nowBytes);
    }, LATE_MS);
  };
  const waitFromEnd = async (): Promise<void> => {
    await sandbox.ended;
    wait(receivedBytes());
  };
  void waitFromEnd();
}
