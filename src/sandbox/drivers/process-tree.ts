import { readFileSync, readdirSync } from "node:fs";

/** A process and all that descend from it now, itself first. Empty when it is gone. */
export function listTree(root: number): readonly number[] {
  if (!isAlive(root)) return [];
  const found = [root];
  for (let at = 0; at < found.length; at += 1) found.push(...childrenOf(found[at] ?? 0));
  return found;
}

/** Living processes whose environment, as they were started, holds this entry; only those that we may look at. */
export function listByEnvironment(entry: string): readonly number[] {
  return readdirSync("/proc")
    .map(Number)
    .filter(
      (pid) => pid > 0 && read(`/proc/${pid}/environ`)?.split("\0").includes(entry) === true && isAlive(pid),
    );
}

/** As it was started. Empty when it has ended, or is not for us to see. */
export function argumentsOf(pid: number): readonly string[] {
  return read(`/proc/${pid}/cmdline`)?.split("\0") ?? [];
}

/** Living processes with an argument that holds this text. */
export function listByArgument(text: string): readonly number[] {
  return readdirSync("/proc")
    .map(Number)
    .filter((pid) => pid > 0 && read(`/proc/${pid}/cmdline`)?.includes(text) === true && isAlive(pid));
}

/** It runs, or could: not ended, waited for or not. */
export function isAlive(pid: number): boolean {
  const state = statFields(pid)?.[0];
  return state !== undefined && state !== "Z" && state !== "X";
}

/** Clock ticks since boot at which it began: tells it from a later process with its pid. */
export function startOf(pid: number): string | null {
  return statFields(pid)?.[19] ?? null;
}

/** Whether a process lives that began at `start`, of `startOf`: a later one with its pid is another. */
export function isSameAlive(pid: number, start: string | null): boolean {
  return isAlive(pid) && startOf(pid) === start;
}

/** User and system time of the process and, unless it is wanted alone, of its ended children, milliseconds. */
export function cpuMsOf(pid: number, which: "with children" | "alone" = "with children"): number {
  const fields = statFields(pid) ?? [];
  const wanted = which === "alone" ? [11, 12] : [11, 12, 13, 14];
  const ticks = wanted.reduce((sum, index) => sum + Number(fields[index] ?? 0), 0);
  return (ticks * 1000) / CLOCK_TICKS_PER_SECOND;
}

/** Resident memory, bytes; shared pages count for each process that has them. */
export function residentBytesOf(pid: number): number {
  return Number(read(`/proc/${pid}/statm`)?.split(" ")[1] ?? 0) * PAGE_BYTES;
}

/** Resident memory, bytes; shared pages divided among those that have them. Slower. */
export function proportionalBytesOf(pid: number): number {
  const found = /^Pss:\s+(\d+) kB$/mu.exec(read(`/proc/${pid}/smaps_rollup`) ?? "");
  return found === null ? residentBytesOf(pid) : Number(found[1]) * 1024;
}

/** USER_HZ is 100 on every architecture that Node.js runs on. */
const CLOCK_TICKS_PER_SECOND = 100;
const PAGE_BYTES = 4096;

function childrenOf(pid: number): readonly number[] {
  let tasks: readonly string[];
  try {
    tasks = readdirSync(`/proc/${pid}/task`);
  } catch {
    return [];
  }
  return tasks.flatMap((task) =>
    (read(`/proc/${pid}/task/${task}/children`) ?? "").trim().split(" ").filter(Boolean).map(Number),
  );
}

/** Fields of proc_pid_stat(5) from the third on: the name before them, in parentheses, may hold anything. */
function statFields(pid: number): readonly string[] | null {
  const stat = read(`/proc/${pid}/stat`);
  return stat === null ? null : stat.slice(stat.lastIndexOf(")") + 2).split(" ");
}

function read(file: string): string | null {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return null;
  }
}
