import { spawn } from "node:child_process";
import { once } from "node:events";
import { openSync } from "node:fs";

/** Descriptor by which a launching program is given the namespace. */
export const NAMESPACE_FD = 5;

/**
 * A mount namespace like ours, with an empty file system at `place`. What is mounted there, nobody sees outside of it. It
 * lives as long as the descriptor that is returned, so nothing is left behind, however this process ends.
 */
export async function makeMountNamespace(place: string): Promise<number> {
  const script =
    'mount -t tmpfs -o mode=0711,size=1m,nosuid,nodev whiskers "$1" && echo mounted && read -r _';
  const child = spawn(
    "unshare",
    ["--mount", "--propagation", "slave", "/bin/sh", "-c", script, "sh", place],
    {
      stdio: ["pipe", "pipe", "pipe"],
    },
  );
  let complaint = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (complaint += text));
  child.stdin.on("error", () => {});
  const ended = once(child, "close");
  await Promise.race([once(child.stdout, "data"), ended]);
  if (child.exitCode !== null) throw new Error(complaint.trim() || "unshare --mount failed");
  const fd = openSync(`/proc/${child.pid}/ns/mnt`, "r");
  child.stdin.end();
  await ended;
  return fd;
}

/** Runs a script of a POSIX shell in it. @throws Error what it said on standard error, when it failed */
export async function runInNamespace(fd: number, script: string, args: readonly string[]): Promise<void> {
  const child = spawn(
    "nsenter",
    [`--mount=/proc/self/fd/${NAMESPACE_FD}`, "/bin/sh", "-c", script, "sh", ...args],
    { stdio: ["ignore", "ignore", "pipe", "ignore", "ignore", fd] },
  );
  let complaint = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => (complaint += text));
  const [code] = (await once(child, "close")) as [number | null];
  if (code !== 0) throw new Error(complaint.trim() || `nsenter ended with ${code}`);
}
