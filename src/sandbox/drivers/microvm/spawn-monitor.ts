import { spawn } from "node:child_process";
import type { ChildProcess, StdioOptions } from "node:child_process";
import { once } from "node:events";

import { USUAL_PATH } from "../../../domain/usual-path.ts";

/**
 * Starts a monitor as the leader of a process group. What it prints is to be read in the turn of its promise.
 * @throws Error it cannot be started: where descriptors are short, it would have no streams, and say so to nobody
 */
export async function spawnMonitor(
  program: string,
  args: readonly string[],
  { stdio, cwd }: { readonly stdio: StdioOptions; readonly cwd: string },
): Promise<ChildProcess> {
  const child = spawn(program, args, { env: { PATH: USUAL_PATH }, stdio, detached: true, cwd });
  await once(child, "spawn");
  return child;
}
