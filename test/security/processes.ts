import { readFileSync, readdirSync, readlinkSync } from "node:fs";

/** A process of this machine, told apart from a later one with the same pid. */
export interface ProcessId {
  readonly pid: number;
  /** Clock ticks since boot. */
  readonly startedAt: string;
}

export interface ProcessInfo extends ProcessId {
  readonly parent: number;
  /** Z: it has ended and nobody has asked how. */
  readonly zombie: boolean;
}

/** Every process that /proc shows, proc_pid_stat(5). */
export function listProcesses(): readonly ProcessInfo[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map((name) => readProcess(Number(name)))
    .filter((found) => found !== null);
}

function readProcess(pid: number): ProcessInfo | null {
  const stat = readOrNull(`/proc/${pid}/stat`);
  if (stat === null) return null;
  // The name, in parentheses, may hold anything.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return { pid, parent: Number(fields[1]), startedAt: fields[19] ?? "", zombie: fields[0] === "Z" };
}

/** `roots` and all that descend from them now. */
export function withDescendants(
  all: readonly ProcessInfo[],
  roots: ReadonlySet<number>,
): readonly ProcessInfo[] {
  const wanted = new Set(roots);
  for (let before = -1; before !== wanted.size;) {
    before = wanted.size;
    for (const one of all) if (wanted.has(one.parent)) wanted.add(one.pid);
  }
  return all.filter((one) => wanted.has(one.pid));
}

/** `pid:[4026532345]`; null when it is gone or not ours to see. */
export function pidNamespaceOf(pid: number | "self"): string | null {
  try {
    return readlinkSync(`/proc/${pid}/ns/pid`);
  } catch {
    return null;
  }
}

export function describeProcess(pid: number): string {
  const words = readOrNull(`/proc/${pid}/cmdline`)?.replaceAll("\0", " ").trim() ?? "";
  return `process ${pid} (${words.slice(0, 200)})`;
}

export function readOrNull(file: string): string | null {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return null;
  }
}
