import type { Attack, Ending, Evidence } from "./attack.ts";

/** How far an attack gets in a runtime, beyond what it does elsewhere, and why that is borne. Nothing more gets through. */
export interface Weakness {
  /** For docs/isolation.md. */
  readonly why: string;
  /** Attempts that get through. */
  readonly attempts?: readonly string[];
  /** Further ways in which its runs end. */
  readonly ends?: readonly Ending[];
}

/** By name of an attack. */
export type Weaknesses = Readonly<Record<string, Weakness>>;

const SLOW_FLOOD: Weakness = {
  why: "it moves bytes so slowly that the time limit may come before the limit of bytes",
  ends: ["time-limit"],
};

/** gVisor of December 2022, as Debian 12 has it, in whatever starts it. */
export const WEAKNESSES_OF_GVISOR: Weaknesses = {
  "parent-memory": {
    why: "its /proc shows map, environment and names of descriptors of the sandbox's first process to others of its user, which hold nothing that the guest has not; memory and descriptors themselves stay out of reach",
    attempts: ["maps", "environment", "descriptors"],
  },
  "limits-raise": {
    why: "its kernel lets a guest change limits, priority and OOM score of itself and of the sandbox's first process; what bounds the sandbox is outside",
    attempts: ["lower-others", "nice", "oom-score"],
  },
  "root-privileges": {
    why: "device nodes of a root filesystem open devices of its own kernel (null, tty, fuse), none of the machine's",
    attempts: ["open fuse", "open tty0"],
  },
  "leak-fork-storm": {
    why: "its kernel needs memory for each process, so that the memory limit may come first, and end the sandbox",
    ends: ["memory-limit"],
  },
  "plain-flood": SLOW_FLOOD,
  "records-flood": SLOW_FLOOD,
  "record-storm": SLOW_FLOOD,
  "stdout-flood": SLOW_FLOOD,
  "stderr-flood": SLOW_FLOOD,
  "stderr-line-flood": SLOW_FLOOD,
  "log-flood": SLOW_FLOOD,
  "empty-frame-flood": SLOW_FLOOD,
  "empty-line-flood": SLOW_FLOOD,
};

/** An engine hands it neither our seccomp profile nor a limit of processes, and has files of its own in the container. */
export const WEAKNESSES_OF_GVISOR_BY_AN_ENGINE: Weaknesses = {
  ...WEAKNESSES_OF_GVISOR,
  "read-host-files": {
    why: "the engine's /etc/hostname is seen, which holds the name that we gave the container",
    attempts: ["/etc/hostname"],
  },
};

/** What its columns have in common: a start takes half a second of processor time, its end some more, a fork 20 ms. */
export const GVISOR = {
  weaknesses: WEAKNESSES_OF_GVISOR,
  slow: { startMs: 40_000, overMs: 5000, bystanderMs: 5000 },
  concurrency: 2,
} as const;

const WEAKNESSES_OF_EMULATED_MACHINES: Weaknesses = {
  "memory-mmap": {
    why: "emulated, it touches memory so slowly that the time limit may come before the limit of memory",
    ends: ["time-limit"],
  },
};

/**
 * Columns of machines that are emulated: everything in them takes some fifteen times as long, a start some seconds, and
 * on a busy machine several times that.
 */
const EMULATED = {
  weaknesses: WEAKNESSES_OF_EMULATED_MACHINES,
  slow: { startMs: 180_000, overMs: 5000, wallFactor: 20, bystanderMs: 10_000, bystanderPauseMs: 3000 },
  concurrency: 1,
} as const;

/** Of machines that the processor runs, which nobody has tried: as slow as gVisor, until somebody has. */
const RUN_BY_THE_PROCESSOR = { ...GVISOR, weaknesses: {}, concurrency: 1 } as const;

export function expectedOfMachines({ isEmulated }: { readonly isEmulated: boolean }): ExpectedOfMachines {
  return isEmulated ? EMULATED : RUN_BY_THE_PROCESSOR;
}

type ExpectedOfMachines = typeof EMULATED | typeof RUN_BY_THE_PROCESSOR;

export function withWeakness(attack: Attack, weakness: Weakness | undefined): Attack {
  if (weakness === undefined) return attack;
  const allowed = Object.fromEntries((weakness.attempts ?? []).map((name) => [name, weakness.why]));
  return {
    ...attack,
    ends: [...attack.ends, ...(weakness.ends ?? [])],
    ...(attack.secondEnds === undefined
      ? {}
      : { secondEnds: [...attack.secondEnds, ...(weakness.ends ?? [])] }),
    allowed: { ...attack.allowed, ...allowed },
  };
}

export function showsWeakness(
  { ending, attempts }: Evidence,
  { attempts: names = [], ends = [] }: Weakness,
): boolean {
  return ends.includes(ending) || attempts.some((one) => one.gotThrough && names.includes(one.attempt));
}
