import { execFile } from "node:child_process";
import { constants, existsSync } from "node:fs";
import { realpath } from "node:fs/promises";
import path from "node:path/posix";
import { promisify } from "node:util";

import { messageOf } from "../../../../domain/unknown.ts";
import { findAll } from "../../../interpreters.ts";
import { mayAccess } from "../../../may-access.ts";
import { inheritedDescriptors } from "../../inherited-descriptors.ts";
import type { Monitor } from "../monitor.ts";
import { firecrackerMonitor } from "./firecracker-monitor.ts";

/** Before 1.8 it tells a machine of its devices by kernel arguments alone, which Debian's kernels do not read. */
const OLDEST: readonly [number, number] = [1, 8];
const VERSION_MS = 10_000;

/** Firecracker as it can be used here, or why it cannot; `isThere`: a program was found. */
export type FoundFirecracker =
  | { readonly isThere: true; readonly monitor: Monitor }
  | { readonly isThere: boolean; readonly monitor: null; readonly reason: string };

/** The program that is named, or the first on the path, with the jailer beside it or else on the path. */
export async function findFirecracker(
  named: string | null,
  searchPath: string,
  stateDirectory: string,
): Promise<FoundFirecracker> {
  const [given] = named === null ? findAll("firecracker", searchPath) : [named];
  if (given === undefined)
    return { isThere: false, monitor: null, reason: "there is no firecracker on the PATH" };
  const no = (reason: string): FoundFirecracker => ({ isThere: true, monitor: null, reason });
  const found = await versionOf(given);
  if (found.version === null) return no(`${given} does not say which version it is: ${found.said}`);
  const { version } = found;
  const name = `Firecracker ${version}`;
  if (isTooOld(version)) return no(`${name} is too old: it has to be ${OLDEST.join(".")} or later`);
  if (!existsSync("/dev/kvm")) return no(`${name} needs KVM, and there is no /dev/kvm`);
  const isRoot = process.geteuid?.() === 0;
  // The jailer names its folder after the file that a link leads to.
  const program = await realpath(given);
  const jailer = isRoot ? findJailer([given, program], searchPath) : null;
  if (isRoot && jailer === null)
    return no(`${name} is not run as root without its jailer, which is neither beside it nor on the PATH`);
  if (!isRoot && !mayAccess("/dev/kvm", constants.R_OK | constants.W_OK))
    return no(`${name} may not use /dev/kvm: this user has to be in that device's group`);
  const tool = (one: string): string => findAll(one, searchPath)[0] ?? one;
  return {
    isThere: true,
    monitor: firecrackerMonitor({
      firecracker: program,
      jailer,
      version,
      stateDirectory,
      setpriv: tool("setpriv"),
      unshare: tool("unshare"),
      inherited: inheritedDescriptors(),
    }),
  };
}

function findJailer(programs: readonly string[], searchPath: string): string | null {
  for (const program of programs) {
    const beside = path.join(path.dirname(program), path.basename(program).replace("firecracker", "jailer"));
    if (beside !== program && existsSync(beside)) return beside;
  }
  return findAll("jailer", searchPath)[0] ?? null;
}

type Version = { readonly version: string } | { readonly version: null; readonly said: string };

/** `Firecracker v1.16.1`, and a line of its log. */
async function versionOf(program: string): Promise<Version> {
  try {
    const { stdout } = await promisify(execFile)(program, ["--version"], { timeout: VERSION_MS });
    const version = /^Firecracker v(\d+\.\d+\.\d+[\w.-]*)$/mu.exec(stdout)?.[1];
    return version === undefined ? { version: null, said: stdout.slice(0, 200).trim() } : { version };
  } catch (error) {
    return { version: null, said: messageOf(error) };
  }
}

function isTooOld(version: string): boolean {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1]);
}
