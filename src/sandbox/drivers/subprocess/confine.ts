import { randomInt } from "node:crypto";
import { readFileSync } from "node:fs";

import type { Limits } from "../../../domain/limits.ts";
import { FD } from "./launch.ts";

/** What the launching shell does to itself, in this order, before it becomes the program that makes the sandbox. */
export interface Confinement {
  /** It enters these cgroups. */
  readonly enterFiles: readonly string[];
  readonly limits: Limits;
  /** RLIMIT_NPROC, counted over all processes of its user; null: not set here. */
  readonly userProcesses: number | null;
  /** RLIMIT_DATA, per process: only where no cgroup limits memory; null: not set. */
  readonly dataBytes: number | null;
  /** User and group that it becomes; null: it stays what it is. */
  readonly id: number | null;
  /** A crash must not start the program that the kernel hands core dumps to. */
  readonly muteCoreHandler: boolean;
  /** `FD.stage` is a mount namespace that it enters first. */
  readonly staged: boolean;
  readonly ulimitProcesses: "-u" | "-p";
  /** Descriptors that must not be passed on. */
  readonly closes: readonly number[];
}

/** Programs of util-linux, absolute. */
export interface Tools {
  readonly setpriv: string;
  readonly nsenter: string;
  readonly prlimit: string;
  /** Command line of a POSIX shell; of one that can close any descriptor, where there are such. */
  readonly shell: readonly string[];
}

const STACK_KIB = 8192;
const KIB = 1024;
/** The unit of `ulimit -f`, POSIX. */
const FILE_BLOCK_BYTES = 512;

/** The command line that confines itself and then becomes `command`. */
export function confined(
  confinement: Confinement,
  tools: Tools,
  command: readonly string[],
): readonly string[] {
  const { id, staged, muteCoreHandler } = confinement;
  return [
    ...(staged ? [tools.nsenter, `--mount=/proc/self/fd/${FD.stage}`, "--"] : []),
    ...tools.shell,
    "-c",
    script(confinement),
    "sh",
    // core(5): a limit of exactly 1 byte, which no shell can set, is what keeps the kernel from starting it.
    ...(muteCoreHandler ? [tools.prlimit, "--core=1:1"] : []),
    ...(id === null
      ? []
      : [tools.setpriv, "--no-new-privs", `--reuid=${id}`, `--regid=${id}`, "--clear-groups"]),
    ...command,
  ];
}

function script({
  enterFiles,
  limits,
  userProcesses,
  dataBytes,
  muteCoreHandler,
  ulimitProcesses,
  closes,
}: Confinement): string {
  return [
    "set -e",
    ...enterFiles.map((file) => `echo 0 >'${file.replaceAll("'", String.raw`'\''`)}'`),
    // When memory is short on the machine, a sandbox goes before anything else does.
    "echo 800 >/proc/self/oom_score_adj",
    ...(muteCoreHandler ? [] : ["ulimit -c 0"]),
    `ulimit -n ${limits.openFiles}; ulimit -f ${Math.ceil(limits.tmpBytes / FILE_BLOCK_BYTES)}`,
    `ulimit -s ${STACK_KIB}`,
    ...(userProcesses === null ? [] : [`ulimit ${ulimitProcesses} ${userProcesses}`]),
    ...(dataBytes === null ? [] : [`ulimit -d ${Math.floor(dataBytes / KIB)}`]),
    ...closes.map((fd) => `exec ${fd}<&-`),
    'exec "$@"',
  ].join("\n");
}

/** Lowest of the users and groups that sandboxes get when we are root: above those of people, services and containers. */
const FIRST_ID = 2_000_000_000;
const IDS_PER_DRIVER = 256;
const ALL_IDS = 4_294_967_294;
/** Bubblewrap takes no higher ones: 2^31 - 1. */
const LAST_ID = 2_147_483_647;

/**
 * Gives each living sandbox a user of its own, so that not even a kernel that forgets its namespaces lets one signal or
 * count the processes of another. Which ones is drawn by lot: a process has several drivers, and processes of several
 * containers have the same pid. Null: we are not root.
 */
export class SandboxIds {
  readonly #first: number | null;
  readonly #taken = new Set<number>();

  constructor() {
    this.#first = firstId();
  }

  /** Each sandbox gets a user of its own. */
  get areOurs(): boolean {
    return this.#first !== null;
  }

  take(): number | null {
    if (this.#first === null) return null;
    for (let slot = 0; slot < IDS_PER_DRIVER; slot += 1) {
      const id = this.#first + slot;
      if (this.#taken.has(id)) continue;
      this.#taken.add(id);
      return id;
    }
    // More than that at once share the last.
    return this.#first + IDS_PER_DRIVER - 1;
  }

  release(id: number | null): void {
    if (id !== null) this.#taken.delete(id);
  }
}

/** User and group of tools, which share a cache: one for all of them. Null: we are not root. */
export function toolId(): number | null {
  if (process.geteuid?.() !== 0) return null;
  const mapped = mappedIds();
  return mapped >= ALL_IDS ? FIRST_ID - 1 : Math.max(1, mapped - 1);
}

function firstId(): number | null {
  if (process.geteuid?.() !== 0) return null;
  // In a container with user ids of its own there may be only some: the last of them are used least.
  const mapped = mappedIds();
  if (mapped >= ALL_IDS)
    return FIRST_ID + randomInt(Math.floor((LAST_ID - FIRST_ID) / IDS_PER_DRIVER)) * IDS_PER_DRIVER;
  const blocks = Math.max(1, Math.floor(mapped / 2 / IDS_PER_DRIVER));
  return Math.max(1, mapped - IDS_PER_DRIVER * (1 + randomInt(blocks)));
}

/** Ids from 0 on that exist here; user_namespaces(7). */
function mappedIds(): number {
  const [inside, , count] = readFileSync("/proc/self/uid_map", "utf8").trim().split(/\s+/u).map(Number);
  return inside === 0 ? (count ?? 0) : 0;
}
