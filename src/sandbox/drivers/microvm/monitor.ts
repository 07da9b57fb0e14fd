import type { Duplex, Readable, Writable } from "node:stream";

/** What every machine consists of, whichever program runs it. No network device, ever. */
export interface Machine {
  /** Unique on this machine: of `sandboxNamePrefix`. */
  readonly name: string;
  /** An uncompressed x86-64 kernel, an ELF file. */
  readonly kernel: string;
  readonly initramfs: string;
  /** Of the kernel, beside what the monitor needs for itself. */
  readonly kernelArguments: string;
  /** Files with file systems that cannot be written to: /dev/vda, /dev/vdb. */
  readonly disks: readonly string[];
  /** All that the machine has; its kernel's share is in it. */
  readonly memoryBytes: number;
  readonly cpus: number;
  /** A process that writes `0` to each is in the cgroup that limits the monitor. */
  readonly enterFiles: readonly string[];
  /** User and group that the monitor runs as; null: those of this process. */
  readonly userId: number | null;
  /** It is to be saved, or was; absent: neither. */
  readonly snapshot?: SnapshotUse;
}

/** Files of a machine that was saved: `memory`, its memory, and `state`, the rest of it. */
export interface SnapshotUse {
  /** Absolute. To be `saved` it is a folder of the monitor's user. */
  readonly folder: string;
  readonly as: "saved" | "restored";
}

/** A machine that runs. Its end is the end of everything in it. */
export interface RunningMachine {
  /** The outermost process of the monitor, leader of a process group. */
  readonly pid: number;
  /** To and from the init: lines. */
  readonly control: Duplex;
  /** To the program that is to be told time and chance; absent: the init passes it on. */
  readonly wake?: Writable;
  readonly input: Writable;
  readonly output: Readable;
  readonly errors: Readable;
  /** The end of what its kernel has printed so far. */
  console(): string;
  /**
   * Stops it and writes its `state`; its memory is in the file already. It has to be started to be saved.
   * @throws Error it cannot be saved
   */
  save(): Promise<void>;
  /** Resolves when a machine that is restored runs again; at once for others. @throws Error it cannot be restored */
  readonly restored: Promise<void>;
  /** Resolves, never rejects, when the monitor's process has ended. */
  readonly ended: Promise<MachineEnd>;
  kill(): void;
}

export interface MachineEnd {
  /** Null: the monitor ended by itself. */
  readonly signal: string | null;
  readonly exitCode: number | null;
  /** What the monitor itself printed. */
  readonly complaint: string;
}

/** A program that runs virtual machines, and how it runs them here. */
export interface Monitor {
  /** `QEMU 7.2.22 (TCG)` */
  readonly version: string;
  /** The processor runs guests by itself; else every instruction is emulated. */
  readonly hardware: boolean;
  /** Beside the machine's memory. */
  readonly ownMemoryBytes: number;
  /** Its threads. */
  readonly ownProcesses: number;
  /** It can save machines and restore them. */
  readonly saves: boolean;
  /** What all its machines are started with: one that was saved does not go on with anything else. */
  readonly settings: string;
  /** What confines the monitor itself, for people. */
  readonly confinedBy: string;
  /** @throws Error it could not be started at all */
  start(machine: Machine): Promise<RunningMachine>;
}
