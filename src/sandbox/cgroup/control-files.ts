import { existsSync, readFileSync, readdirSync, rmdirSync, writeFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";

import { codeOf } from "../../domain/unknown.ts";

/** How long removing waits for killed processes to be gone, milliseconds. */
const REMOVE_WAIT_MS = 5000;

/** The kernel's control files are small and never block: plain synchronous calls are the cheapest. */
export function readControl(file: string): string | null {
  try {
    return readFileSync(file, "utf8").trim();
  } catch {
    return null;
  }
}

export function readNumber(file: string): number | null {
  const text = readControl(file);
  return text !== null && /^\d+$/u.test(text) ? Number(text) : null;
}

/** The value of `key` in a file of lines `key value`. */
export function readField(file: string, key: string): number | null {
  const line = readControl(file)
    ?.split("\n")
    .find((one) => one.startsWith(`${key} `));
  return line === undefined ? null : Number(line.slice(key.length + 1));
}

export function writeControl(file: string, value: string | number): void {
  writeFileSync(file, `${value}`);
}

/** @returns whether it could be written: the file may be missing, or the value refused */
export function tryWriteControl(file: string, value: string | number): boolean {
  try {
    if (!existsSync(file)) return false;
    writeControl(file, value);
    return true;
  } catch {
    return false;
  }
}

/** Processes in a cgroup and in those below it: a container runtime makes some of its own there. */
export function readPids(folder: string): readonly number[] {
  const text = readControl(`${folder}/cgroup.procs`) ?? "";
  const own = text === "" ? [] : text.split("\n").map(Number);
  return [...own, ...foldersIn(folder).flatMap(readPids)];
}

function foldersIn(folder: string): readonly string[] {
  try {
    const entries = readdirSync(folder, { withFileTypes: true });
    return entries.filter((entry) => entry.isDirectory()).map((entry) => `${folder}/${entry.name}`);
  } catch {
    return [];
  }
}

export function killPids(pids: readonly number[]): void {
  for (const pid of pids) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // It is gone.
    }
  }
}

/** Removes an emptying cgroup; `kill` is called until nothing in it lives. A cgroup that is gone is fine. */
export async function removeCgroup(folder: string, kill: () => void): Promise<void> {
  const giveUpAtMs = performance.now() + REMOVE_WAIT_MS;
  for (const below of foldersIn(folder)) await removeCgroup(below, kill);
  for (let waitMs = 0.5; ; waitMs = Math.min(20, waitMs * 2)) {
    try {
      rmdirSync(folder);
      return;
    } catch (error) {
      const code = codeOf(error);
      if (code === "ENOENT") return;
      if (code !== "EBUSY" || performance.now() > giveUpAtMs) throw error;
    }
    kill();
    await delay(waitMs);
  }
}
