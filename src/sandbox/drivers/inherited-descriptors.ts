import { readFileSync, readdirSync } from "node:fs";

/** O_CLOEXEC as /proc/PID/fdinfo shows it, octal. */
const CLOSE_ON_EXEC = 0o2_000_000;

/**
 * Descriptors above standard error that whoever started this process left open, and that every child would
 * inherit. Node.js opens its own so that they close by themselves, so the list does not change.
 */
export function inheritedDescriptors(): readonly number[] {
  return readdirSync("/proc/self/fd")
    .map(Number)
    .filter((fd) => fd > 2 && isInheritable(fd));
}

function isInheritable(fd: number): boolean {
  try {
    const flags = /^flags:\s+(\d+)$/mu.exec(readFileSync(`/proc/self/fdinfo/${fd}`, "utf8"))?.[1];
    return flags !== undefined && (Number.parseInt(flags, 8) & CLOSE_ON_EXEC) === 0;
  } catch {
    // It was the one by which the list was read.
    return false;
  }
}

/** POSIX asks of a shell no more than descriptors of one digit, and dash does no more. */
const HIGHEST_OF_SH = 9;
/** Its standard input is a socket, which bash takes for a remote login: it would run the .bashrc of our user. */
const BASH = ["/bin/bash", "--norc"];
/** Command line of a POSIX shell that can close these. */
export function shellThatCloses(inherited: readonly number[]): readonly string[] {
  return inherited.some((fd) => fd > HIGHEST_OF_SH) ? BASH : ["/bin/sh"];
}
