import { randomUUID } from "node:crypto";
import { link, mkdir, readFile, readdir, readlink, rm, stat, utimes, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";

import { codeOf, isObject } from "../domain/unknown.ts";
import { WhiskersError } from "../errors.ts";

/** How often the owner renews its file's time, and how old it may be where only that can tell. */
const RENEW_MS = 5000;
const STALE_MS = 20_000;

export interface DirectoryLock {
  /** Idempotent. */
  release(): Promise<void>;
}

/**
 * Takes a lock that at most one living process holds, kept as files in `directory`.
 *
 * The file with the highest number says who holds it: process id, its start time (ids are used
 * again), boot and pid namespace. Taking over from a dead owner means creating the next number, which
 * only one can; a file is only ever deleted once a higher one exists, so whoever comes with an old
 * view finds, after creating its file, one that is higher, and starts again. Where the owner's
 * process cannot be seen from here (another container or machine on the same volume), the age of the
 * file decides: its owner renews it every 5 s.
 * @throws WhiskersError `state-locked`, with who holds `what`
 */
export async function lockDirectory(directory: string, what: string): Promise<DirectoryLock> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const me = JSON.stringify(await describeSelf());
  for (;;) {
    const numbers = await listNumbers(directory);
    const highest = numbers.at(-1) ?? 0;
    const owner = await livingOwner(fileOf(directory, highest));
    if (owner !== null) throw new WhiskersError("state-locked", `${what} is in use by ${owner}`);
    const mine = highest + 1;
    if (!(await createWhole(directory, mine, me))) continue;
    const now = await listNumbers(directory);
    if (now.at(-1) !== mine) {
      await rm(fileOf(directory, mine), { force: true });
      continue;
    }
    for (const old of now) if (old < mine) await rm(fileOf(directory, old), { force: true });
    return holdLock(fileOf(directory, mine));
  }
}

function holdLock(file: string): DirectoryLock {
  const timer = setInterval(() => {
    const now = new Date();
    utimes(file, now, now).catch(() => {});
  }, RENEW_MS);
  timer.unref();
  let released: Promise<void> | null = null;
  return {
    release(): Promise<void> {
      clearInterval(timer);
      // The file stays: its number keeps everybody with an old view of the directory out.
      released ??= writeFile(file, "released");
      return released;
    },
  };
}

/** Appears with its content or not at all. False: somebody else has this number. */
async function createWhole(directory: string, number: number, content: string): Promise<boolean> {
  const draft = join(directory, `draft-${randomUUID()}`);
  await writeFile(draft, content, { mode: 0o600, flag: "wx" });
  try {
    await link(draft, fileOf(directory, number));
    return true;
  } catch (error) {
    if (codeOf(error) === "EEXIST") return false;
    throw error;
  } finally {
    await rm(draft, { force: true });
  }
}

/** Who holds the lock that this file stands for, in words; null: nobody alive. */
async function livingOwner(file: string): Promise<string | null> {
  let content: string;
  let ageMs: number;
  try {
    content = await readFile(file, "utf8");
    ageMs = Date.now() - (await stat(file)).mtimeMs;
  } catch {
    return null;
  }
  if (content === "released") return null;
  const owner = parseJson(content);
  if (!isObject(owner) || typeof owner["pid"] !== "number") return null;
  const { pid } = owner;
  const here = await describeSelf();
  const seenFromHere =
    owner["host"] === here.host && owner["boot"] === here.boot && owner["pids"] === here.pids;
  if (!seenFromHere) {
    const where = `process ${pid} of another container or machine (${String(owner["host"])})`;
    const waitS = Math.ceil((STALE_MS - ageMs) / 1000);
    return ageMs > STALE_MS ? null : `${where}; if that is gone, this is free in ${waitS} s`;
  }
  const startTime = await startTimeOf(pid);
  return startTime !== null && startTime === owner["startTime"] ? `process ${pid}` : null;
}

interface Self {
  readonly pid: number;
  readonly startTime: string | null;
  readonly host: string;
  readonly boot: string;
  readonly pids: string;
}

async function describeSelf(): Promise<Self> {
  return {
    pid: process.pid,
    startTime: await startTimeOf(process.pid),
    host: hostname(),
    boot: await readFile("/proc/sys/kernel/random/boot_id", "utf8").catch(() => ""),
    pids: await readlink("/proc/self/ns/pid").catch(() => ""),
  };
}

/** Field 22 of /proc/PID/stat, clock ticks since boot; null when no such process runs. See proc(5). */
async function startTimeOf(pid: number): Promise<string | null> {
  const line = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => null);
  if (line === null) return null;
  // The second field is the program's name in parentheses and may itself hold spaces and parentheses.
  const [state, ...fields] = line.slice(line.lastIndexOf(")") + 2).split(" ");
  // A zombie has ended; only its parent has not asked how.
  return state === "Z" || state === "X" ? null : (fields[18] ?? null);
}

async function listNumbers(directory: string): Promise<readonly number[]> {
  const names = await readdir(directory);
  return names
    .filter((name) => /^\d{1,15}$/u.test(name))
    .map(Number)
    .toSorted((a, b) => a - b);
}

function fileOf(directory: string, number: number): string {
  return join(directory, String(number));
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
