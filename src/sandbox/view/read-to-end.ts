import { WhiskersError } from "../../errors.ts";
import type { Sandbox } from "../driver.ts";

/**
 * All that a command in a sandbox prints, which it is closed after; null: too much, or it took too long.
 * @throws WhiskersError `sandbox-failed` the command never ran
 */
export async function readToEnd(
  sandbox: Sandbox,
  maxBytes: number,
  deadlineMs: number,
): Promise<string | null> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    sandbox.signal("kill");
  }, deadlineMs);
  try {
    sandbox.errors.resume();
    sandbox.input.end();
    for await (const chunk of sandbox.output as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > maxBytes) return null;
      chunks.push(chunk);
    }
    if (bytes === 0) {
      const { runtimeError } = await sandbox.ended;
      if (runtimeError !== null) throw new WhiskersError("sandbox-failed", runtimeError);
    }
    return late ? null : Buffer.concat(chunks).toString("utf8");
  } catch (error) {
    if (error instanceof WhiskersError) throw error;
    return null;
  } finally {
    clearTimeout(timer);
    await sandbox.close();
  }
}
