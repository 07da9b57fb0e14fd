import { spawn } from "node:child_process";
import { once } from "node:events";

import type { Limits } from "../../../domain/limits.ts";
import type { Ending, Sandbox } from "../../driver.ts";
import { WatchdogMeter } from "../meter.ts";

/** A plain child process, where this machine has nothing to put around it. */
export async function launchBare(
  [program = "", ...args]: readonly string[],
  limits: Limits,
  id: string,
): Promise<Sandbox> {
  const child = spawn(program, args, { env: {}, cwd: "/", stdio: ["pipe", "pipe", "pipe"] });
  await once(child, "spawn");
  const meter = new WatchdogMeter(limits.memoryBytes);
  const kill = (): void => {
    child.kill("SIGKILL");
  };
  meter.start(child.pid ?? 0, kill);
  child.stdin.on("error", () => {});
  const ended = new Promise<Ending>((resolve) => {
    child.once("exit", (exitCode, signal) => {
      meter.stop();
      resolve({ exitCode, signal, outOfMemory: meter.outOfMemory(), runtimeError: null });
    });
  });
  return {
    id,
    runtime: { driver: "wasm", version: `Node.js ${process.versions.node}` },
    protections: [],
    input: child.stdin,
    output: child.stdout,
    errors: child.stderr,
    ended,
    signal: kill,
    usage: () => Promise.resolve(meter.usage()),
    close: async () => {
      kill();
      await ended;
    },
  };
}
