import type { Usage } from "../domain/outcome.ts";
import type { Sandbox } from "./driver.ts";
import { within } from "./within.ts";

const WAIT_MS = 100;

export const UNKNOWN_USAGE: Usage = Object.freeze({ cpuMs: null, peakMemoryBytes: null });

/** What a sandbox has used since it was opened. A driver that fails or hangs here spoils no run. */
export async function readUsage(sandbox: Sandbox): Promise<Usage> {
  try {
    return await within(WAIT_MS, sandbox.usage(), UNKNOWN_USAGE);
  } catch {
    return UNKNOWN_USAGE;
  }
}
