import path from "node:path/posix";

import type { Limits } from "../../../domain/limits.ts";
import type { GuestCommand } from "../../guest-command.ts";
import { INSIDE, INSIDE_ID } from "../../view/view.ts";
import type { Entry } from "../../view/view.ts";
import { quote } from "../subprocess/quote.ts";

/** Where the init has the root of the guest, and mounts disks. */
const ROOT = "/guest-root";
/** Puts itself and what it becomes under the filter of system calls: filtered-program.ts. */
const FILTERED = `${INSIDE.files}/filtered`;
const GUEST_CGROUP = "/sys/fs/cgroup/guest";
const CPU_PERIOD_US = 100_000;
const STACK_KIB = 8192;
const FILE_BLOCK_BYTES = 512;
const TMPFS_INODES = 20_000;
/** The init's own, beside those of the guest: what it starts is in the guest's cgroup for a moment. */
const OWN_PROCESSES = 1;
const DEVICES: Readonly<Record<string, string>> = {
  null: "1 3",
  zero: "1 5",
  full: "1 7",
  random: "1 8",
  urandom: "1 9",
};

/** Where on which disk the source of an entry is, as the init sees it. */
export type PlaceOf = (source: string) => string;

/**
 * What the init does before the guest is started: the guest's root, of folders of disks that cannot be written to, and
 * the limits of the guest.
 */
export function setupScript(
  entries: readonly Entry[],
  placeOf: PlaceOf,
  disks: number,
  limits: Limits,
): string {
  return [
    ...["root-image", "layer-image"]
      .slice(0, disks)
      .map((name, index) => `mount -t erofs -o ro,nosuid,nodev /dev/vd${"ab"[index]} /${name}`),
    `mount -t tmpfs -o mode=755,size=16m tmpfs ${ROOT}`,
    `mkdir -p ${ROOT}${INSIDE.package} ${ROOT}/dev`,
    ...Object.entries(DEVICES).map(([name, numbers]) => `mknod -m 666 ${ROOT}/dev/${name} c ${numbers}`),
    ...entries.flatMap((entry) => linesOf(entry, placeOf)),
    `touch ${ROOT}${FILTERED}`,
    `mount --bind /bin/filtered ${ROOT}${FILTERED}`,
    `echo ${limits.memoryBytes} >${GUEST_CGROUP}/memory.max`,
    `echo 1 >${GUEST_CGROUP}/memory.oom.group`,
    `echo ${limits.processes + OWN_PROCESSES} >${GUEST_CGROUP}/pids.max`,
    `echo "${Math.round(limits.cpus * CPU_PERIOD_US)} ${CPU_PERIOD_US}" >${GUEST_CGROUP}/cpu.max`,
    "",
  ].join("\n");
}

/** A parent comes before what is in it. */
function linesOf(entry: Entry, placeOf: PlaceOf): readonly string[] {
  const target = quote(`${ROOT}${entry.target}`);
  const parent = quote(path.dirname(`${ROOT}${entry.target}`));
  switch (entry.kind) {
    case "read-only": {
      const make = entry.isFile === true ? `mkdir -p ${parent}; touch ${target}` : `mkdir -p ${target}`;
      return [make, `mount --bind ${quote(placeOf(entry.source))} ${target}`];
    }
    case "link":
      return [`mkdir -p ${parent}`, `ln -s ${quote(entry.to)} ${target}`];
    case "tmpfs": {
      const options = `nosuid,nodev,mode=0700,uid=${INSIDE_ID},gid=${INSIDE_ID},size=${entry.bytes},nr_inodes=${TMPFS_INODES}`;
      return [`mkdir -p ${target}`, `mount -t tmpfs -o ${options} tmpfs ${target}`];
    }
    case "proc":
      return [`mkdir -p ${target}`, `mount -t proc -o nosuid,nodev,noexec,hidepid=2 proc ${target}`];
    case "device":
      return [];
    case "writable":
      throw new Error("no machine is given anything writable");
  }
}

/** Where the init puts a file for the guest, before the root is closed. */
export function placeInRoot(name: string): string {
  return `${ROOT}${INSIDE.files}/${path.basename(name)}`;
}

/** The last thing of the set-up. */
export const CLOSE_ROOT = `mount -o remount,ro ${ROOT}\n`;

/** What the process that becomes the guest does to itself: it is in the guest's cgroup, with the guest's streams. */
export function guestScript({ argv, env }: GuestCommand, limits: Limits): string {
  const words = [
    "env",
    "-i",
    ...Object.entries(env).map(([name, value]) => `${name}=${value}`),
    "/bin/setpriv",
    "--nnp",
    "/bin/nsenter",
    `-r${ROOT}`,
    `-w${ROOT}${INSIDE.package}`,
    "-S",
    String(INSIDE_ID),
    "-G",
    String(INSIDE_ID),
    "--",
    FILTERED,
    ...argv,
  ];
  return [
    `ulimit -c 0; ulimit -n ${limits.openFiles}; ulimit -s ${STACK_KIB}`,
    `ulimit -f ${Math.ceil(limits.tmpBytes / FILE_BLOCK_BYTES)}`,
    `exec ${words.map(quote).join(" ")}`,
    "",
  ].join("\n");
}
