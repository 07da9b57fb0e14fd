import type { ChildProcess } from "node:child_process";
import { closeSync, lchownSync, openSync, renameSync } from "node:fs";
import path from "node:path/posix";
import type { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";

import { messageOf } from "../../../../domain/unknown.ts";
import { killMonitor, monitorEnd } from "../monitor-end.ts";
import type { Machine, MachineEnd, Monitor, RunningMachine } from "../monitor.ts";
import { spawnMonitor } from "../spawn-monitor.ts";
import { Tail } from "../tail.ts";
import { FirecrackerApi } from "./api.ts";
import { API_SOCKET, jailCommand, makeJail, removeJail } from "./jail.ts";
import type { FirecrackerPrograms, Jail } from "./jail.ts";
import { VsockStream } from "./vsock-stream.ts";

const MiB = 1024 * 1024;
/** From its start until it listens. */
const LISTENS_MS = 15_000;
const LOOK_MS = 5;
/** All of its memory is written. */
const SAVED_MS = 60_000;
const CONSOLE_KEPT_CHARS = 32_768;
const COMPLAINT_KEPT_CHARS = 8192;
/** The first that is no other's: vsock(7). All machines may have the same, for each has a socket of its own. */
const GUEST_CID = 3;
const VSOCK_SOCKET = "vsock.sock";
/** The init's: guest-init.sh. */
const PORT = Object.freeze({ control: 100, input: 101, output: 102, errors: 103 });

const BOOT_ARGUMENTS = "console=ttyS0 quiet panic=-1 reboot=k whiskers.streams=vsock";

export interface FirecrackerOptions extends FirecrackerPrograms {
  /** `1.16.1` */
  readonly version: string;
  readonly stateDirectory: string;
}

/**
 * Firecracker: no firmware, no PCI, devices by virtio-mmio, one serial port for the console, and vsock. Its kernel
 * arguments are ours, for its own say `nomodule`.
 */
export function firecrackerMonitor(options: FirecrackerOptions): Monitor {
  const { version, jailer } = options;
  return {
    version: `Firecracker ${version}`,
    hardware: true,
    ownMemoryBytes: 64 * MiB,
    ownProcesses: 32,
    saves: true,
    settings: BOOT_ARGUMENTS,
    confinedBy: `Firecracker's own seccomp filters${jailer === null ? "" : ", its jailer, namespaces"}`,
    start: (machine) => start(machine, options),
  };
}

async function start(machine: Machine, options: FirecrackerOptions): Promise<RunningMachine> {
  const files = filesOf(machine);
  const jail = makeJail(machine.name, files, options, options.stateDirectory);
  const running = await startIn(jail, machine, jailCommand(machine, files, jail, options));
  if (machine.snapshot?.as === "restored") return running;
  try {
    await running.boot();
    return running;
  } catch (error) {
    running.kill();
    const { complaint } = await running.ended;
    throw new Error([messageOf(error), complaint].filter(Boolean).join(": "), { cause: error });
  }
}

async function startIn(
  jail: Jail,
  machine: Machine,
  [program = "", ...args]: readonly string[],
): Promise<FirecrackerMachine> {
  let root: number | null = null;
  try {
    // However long the path of the jail is: that of a Unix socket is 107 bytes at most.
    root = openSync(jail.root, "r");
    const child = await spawnMonitor(program, args, { stdio: ["ignore", "pipe", "pipe"], cwd: jail.root });
    return new FirecrackerMachine(child, machine, jail, root);
  } catch (error) {
    if (root !== null) closeSync(root);
    removeJail(jail);
    throw error;
  }
}

/** By the names that Firecracker knows them by, which are in snapshots too. */
function filesOf({ kernel, initramfs, disks, snapshot }: Machine): ReadonlyMap<string, string> {
  return new Map([
    ...disks.map((file, index): [string, string] => [`disk${index}`, file]),
    ...(snapshot?.as === "restored"
      ? ["memory", "state"].map((name): [string, string] => [name, path.join(snapshot.folder, name)])
      : ([
          ["kernel", kernel],
          ["initramfs", initramfs],
        ] as const)),
  ]);
}

class FirecrackerMachine implements RunningMachine {
  readonly control: VsockStream;
  readonly input: VsockStream;
  readonly output: VsockStream;
  readonly errors: VsockStream;
  readonly restored: Promise<void>;
  readonly ended: Promise<MachineEnd>;
  readonly #child: ChildProcess;
  readonly #machine: Machine;
  readonly #jail: Jail;
  readonly #api: FirecrackerApi;
  readonly #console: Tail;
  /** Lets the streams connect. */
  readonly #begin: () => void;
  #isOver = false;

  /** @param root the jail's, open */
  constructor(child: ChildProcess, machine: Machine, jail: Jail, root: number) {
    this.#child = child;
    this.#machine = machine;
    this.#jail = jail;
    const inJail = (name: string): string => `/proc/self/fd/${root}/${name}`;
    this.#api = new FirecrackerApi(inJail(API_SOCKET));
    const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
    const streamTo = (port: number, after: Promise<void>): VsockStream =>
      new VsockStream(inJail(VSOCK_SOCKET), port, after);
    this.control = streamTo(PORT.control, begun);
    // The init waits on the others before it waits on that.
    this.input = streamTo(PORT.input, this.control.connected);
    this.output = streamTo(PORT.output, this.control.connected);
    this.errors = streamTo(PORT.errors, this.control.connected);
    this.#begin = begin;
    this.#console = new Tail(child.stdout as Readable, CONSOLE_KEPT_CHARS);
    const complaint = new Tail(child.stderr as Readable, COMPLAINT_KEPT_CHARS);
    this.ended = this.#end(complaint, root);
    this.restored = machine.snapshot?.as === "restored" ? this.#restore() : Promise.resolve();
    this.restored.catch(() => {});
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  console(): string {
    return this.#console.text;
  }

  async boot(): Promise<void> {
    const { cpus, memoryBytes, kernelArguments, disks } = this.#machine;
    await this.#listens();
    const memoryMiB = Math.ceil(memoryBytes / MiB);
    await this.#api.put("/machine-config", { vcpu_count: cpus, mem_size_mib: memoryMiB, smt: false });
    await this.#api.put("/boot-source", {
      kernel_image_path: "kernel",
      initrd_path: "initramfs",
      boot_args: `${BOOT_ARGUMENTS} ${kernelArguments}`.trim(),
    });
    for (const index of disks.keys()) {
      const name = `disk${index}`;
      const drive = { drive_id: name, path_on_host: name, is_root_device: false, is_read_only: true };
      await this.#api.put(`/drives/${name}`, drive);
    }
    await this.#api.put("/vsock", { guest_cid: GUEST_CID, uds_path: VSOCK_SOCKET });
    await this.#api.put("/entropy", {});
    await this.#api.put("/actions", { action_type: "InstanceStart" });
    this.#begin();
  }

  /** Its memory is mapped privately from the file, whose pages all machines share that were restored from it. */
  async #restore(): Promise<void> {
    await this.#listens();
    await this.#api.put("/snapshot/load", {
      snapshot_path: "state",
      mem_backend: { backend_type: "File", backend_path: "memory" },
      resume_vm: true,
    });
    this.#begin();
  }

  async save(): Promise<void> {
    await this.#api.patch("/vm", { state: "Paused" });
    const files = { snapshot_type: "Full", snapshot_path: "state", mem_file_path: "memory" };
    await this.#api.put("/snapshot/create", files, SAVED_MS);
    for (const name of ["memory", "state"]) {
      const file = path.join(this.#jail.root, name);
      // It may be anything, if somebody has broken into the monitor.
      lchownSync(file, process.geteuid?.() ?? 0, process.getegid?.() ?? 0);
      renameSync(file, path.join(this.#machine.snapshot?.folder ?? "", name));
    }
  }

  kill(): void {
    killMonitor(this.#child);
  }

  /** @throws Error it has ended, or does not listen in time */
  async #listens(): Promise<void> {
    const untilMs = performance.now() + LISTENS_MS;
    for (;;) {
      try {
        await this.#api.get("/version");
        return;
      } catch (error) {
        if (this.#isOver) throw new Error("Firecracker ended before its API was there", { cause: error });
        if (performance.now() > untilMs) {
          const message = `its API did not answer within ${LISTENS_MS} ms: ${messageOf(error)}`;
          throw new Error(message, { cause: error });
        }
        await sleep(LOOK_MS);
      }
    }
  }

  async #end(complaint: Tail, root: number): Promise<MachineEnd> {
    const end = await monitorEnd(this.#child, () => complainedIn(complaint.text, this.#console.text));
    this.#isOver = true;
    this.#api.close();
    for (const stream of [this.control, this.input, this.output, this.errors]) stream.giveUp();
    closeSync(root);
    try {
      removeJail(this.#jail);
    } catch {
      // Something of it is still ending: whoever is next removes it.
    }
    return end;
  }
}

/**
 * What it wrote as errors, and the lines of its log among what the machine's console printed; but for those of requests that
 * it refused, which the answer has said already.
 */
function complainedIn(errors: string, printed: string): string {
  const lines = printed.matchAll(/^\d{4}-\d\d-\d\dT[\d:.]+ \[[\w-]+:[^\]\r\n]*\] (.*)$/gmu);
  const logged = [...lines].map(([, said = ""]) => said.trim());
  const others = logged.filter((said) => !said.startsWith("Received Error. Status code"));
  return [...others, errors.trim()].filter(Boolean).join("; ");
}
