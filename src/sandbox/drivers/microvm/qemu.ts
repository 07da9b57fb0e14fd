import type { ChildProcess, StdioOptions } from "node:child_process";
import { once } from "node:events";
import { closeSync, createWriteStream, openSync, statSync } from "node:fs";
import { createServer } from "node:net";
import path from "node:path/posix";
import type { Duplex, Readable } from "node:stream";
import { pipeline } from "node:stream/promises";

import { shellThatCloses } from "../inherited-descriptors.ts";
import { enterScript } from "./enter-script.ts";
import type { Machine, MachineEnd, Monitor, RunningMachine, SnapshotUse } from "./monitor.ts";
import { killMonitor, monitorEnd } from "./monitor-end.ts";
import { Qmp } from "./qmp.ts";
import { spawnMonitor } from "./spawn-monitor.ts";
import { Tail } from "./tail.ts";

const MiB = 1024 * 1024;
/** What emulated code is translated into, MiB: QEMU would take up to a gigabyte. */
const TRANSLATED_MIB = 96;
const CONSOLE_KEPT_CHARS = 32_768;
const COMPLAINT_KEPT_CHARS = 8192;
/** Descriptors of QEMU. Files of the machine come after them. */
const FD = Object.freeze({
  control: 3,
  input: 4,
  output: 5,
  errors: 6,
  console: 7,
  qmp: 8,
  wake: 9,
  firstFile: 10,
});

export interface QemuOptions {
  readonly program: string;
  /** `7.2.22` */
  readonly version: string;
  readonly accelerator: "kvm" | "tcg";
  /** bubblewrap, absolute; null: QEMU is not put into namespaces. */
  readonly bubblewrap: string | null;
  readonly setpriv: string;
  /** The program of that name, absolute; null: machines have huge pages. */
  readonly smallPages: string | null;
  /** Of this machine's time stamp counter, which an emulated processor has too. */
  readonly counterKhz: number | null;
  /** Descriptors that children of this process would inherit. */
  readonly inherited: readonly number[];
}

/** QEMU's `microvm` machine: no firmware to speak of, no PCI, devices by virtio-mmio. */
export function qemuMonitor(options: QemuOptions): Monitor {
  const { version, accelerator, bubblewrap } = options;
  return {
    version: `QEMU ${version} (${accelerator.toUpperCase()})`,
    hardware: accelerator === "kvm",
    ownMemoryBytes: (accelerator === "kvm" ? 96 : 96 + TRANSLATED_MIB) * MiB,
    ownProcesses: 64,
    // What it writes is shown to it in its namespace.
    saves: bubblewrap !== null,
    settings: JSON.stringify(qemuArguments(ANY_MACHINE, { ...options, counterKhz: null })),
    confinedBy: `QEMU's own seccomp filter${bubblewrap === null ? "" : ", bubblewrap"}`,
    start: (machine) => start(machine, options),
  };
}

const ANY_MACHINE: Machine = {
  name: "any",
  kernel: "",
  initramfs: "",
  kernelArguments: "",
  disks: [""],
  memoryBytes: MiB,
  cpus: 1,
  enterFiles: [],
  userId: null,
  snapshot: { folder: "", as: "saved" },
};

async function start(machine: Machine, options: QemuOptions): Promise<RunningMachine> {
  const { snapshot } = machine;
  const saved = snapshot === undefined ? [] : snapshotFiles(snapshot);
  const files: number[] = [];
  try {
    for (const file of [machine.kernel, machine.initramfs, ...machine.disks, ...saved])
      files.push(openSync(file, "r"));
    const pipes = Array.from({ length: FD.firstFile - 2 }, () => "pipe" as const);
    const stdio: StdioOptions = ["ignore", "ignore", ...pipes, ...files];
    const [program = "", ...args] = confined(machine, options);
    const child = await spawnMonitor(program, args, { stdio, cwd: "/" });
    return new QemuMachine(child, machine);
  } finally {
    for (const fd of files) closeSync(fd);
  }
}

function snapshotFiles({ folder, as }: SnapshotUse): readonly string[] {
  const memory = path.join(folder, "memory");
  return as === "saved" ? [memory] : [memory, path.join(folder, "state")];
}

class QemuMachine implements RunningMachine {
  readonly control: Duplex;
  readonly wake: Duplex;
  readonly input: Duplex;
  readonly output: Readable;
  readonly errors: Readable;
  readonly ended: Promise<MachineEnd>;
  readonly #child: ChildProcess;
  readonly #console: Tail;
  readonly #qmp: Qmp;
  readonly #machine: Machine;
  readonly restored: Promise<void>;

  constructor(child: ChildProcess, machine: Machine) {
    this.#child = child;
    this.#machine = machine;
    const stream = (fd: number): Duplex => {
      const found = child.stdio[fd] as Duplex;
      found.on("error", () => {});
      return found;
    };
    this.control = stream(FD.control);
    this.wake = stream(FD.wake);
    this.input = stream(FD.input);
    this.output = stream(FD.output);
    this.errors = stream(FD.errors);
    this.#qmp = new Qmp(stream(FD.qmp));
    this.restored = machine.snapshot?.as === "restored" ? this.#restore() : Promise.resolve();
    this.restored.catch(() => {});
    this.#console = new Tail(stream(FD.console), CONSOLE_KEPT_CHARS);
    const complaint = new Tail(stream(2), COMPLAINT_KEPT_CHARS);
    this.ended = monitorEnd(child, () => complaint.text);
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  console(): string {
    return this.#console.text;
  }

  async save(): Promise<void> {
    const folder = this.#machine.snapshot?.folder ?? "";
    const { received, close } = await receiveInto(folder);
    try {
      await this.#qmp.ask("stop");
      await this.#qmp.ask("migrate-set-capabilities", { capabilities: CAPABILITIES });
      const done = this.#qmp.until(isMigrated);
      done.catch(() => {});
      await this.#qmp.ask("migrate", { uri: `unix:${SNAPSHOT_INSIDE}/${SOCKET}` });
      await done;
      await received;
    } finally {
      close();
    }
  }

  async #restore(): Promise<void> {
    await this.#qmp.ask("migrate-set-capabilities", { capabilities: CAPABILITIES });
    const done = this.#qmp.until(isMigrated);
    done.catch(() => {});
    await this.#qmp.ask("migrate-incoming", { uri: `fd:${FD.firstFile + 3 + this.#machine.disks.length}` });
    await done;
    await this.#qmp.ask("cont");
  }

  kill(): void {
    killMonitor(this.#child);
  }
}

/** Memory that is a file is not in the state: it is there already. */
const CAPABILITIES = ["x-ignore-shared", "events"].map((capability) => ({ capability, state: true }));
const SNAPSHOT_INSIDE = "/snapshot";
const SOCKET = "socket";

function isMigrated(event: string, { status }: Readonly<Record<string, unknown>>): boolean {
  if (event === "MIGRATION" && status === "failed") throw new Error("QEMU says that it failed");
  return event === "MIGRATION" && status === "completed";
}

async function receiveInto(folder: string): Promise<{ received: Promise<void>; close: () => void }> {
  const server = createServer();
  // However long its path is: that of a Unix socket is 107 bytes at most.
  const root = openSync(folder, "r");
  const close = (): void => {
    server.close();
    closeSync(root);
  };
  const received = new Promise<void>((resolve, reject) => {
    server.once("connection", (socket) => {
      pipeline(socket, createWriteStream(path.join(folder, "state"), { flags: "wx", mode: 0o600 })).then(
        resolve,
        reject,
      );
    });
  });
  received.catch(() => {});
  server.listen({ path: `/proc/self/fd/${root}/${SOCKET}`, writableAll: true });
  await once(server, "listening").catch((error: unknown) => {
    close();
    throw error;
  });
  return { received, close };
}

/** QEMU as a user of its own, without rights, in namespaces without a network and with nothing of anybody's in view. */
function confined(machine: Machine, options: QemuOptions): readonly string[] {
  const { bubblewrap, setpriv, smallPages, inherited } = options;
  const closes = inherited.filter((fd) => fd >= FD.firstFile + 4 + machine.disks.length);
  const { userId } = machine;
  return [
    ...shellThatCloses(closes),
    "-c",
    enterScript(machine, closes),
    "sh",
    // One that boots is faster with huge pages, where the processor runs it.
    ...(machine.snapshot?.as === "restored" && smallPages !== null ? [smallPages] : []),
    ...(bubblewrap === null ? [] : [bubblewrap, ...namespaces(machine, options)]),
    setpriv,
    "--no-new-privs",
    "--pdeathsig=KILL",
    "--inh-caps=-all",
    ...(userId === null
      ? []
      : ["--bounding-set=-all", `--reuid=${userId}`, `--regid=${userId}`, ...groupsOf(options)]),
    options.program,
    ...qemuArguments(machine, options),
  ];
}

/** KVM is for the group of its device, where it is not for everybody. That of root is for nobody. */
function groupsOf({ accelerator }: QemuOptions): readonly string[] {
  const gid = accelerator === "kvm" ? statSync("/dev/kvm").gid : 0;
  return gid === 0 ? ["--clear-groups"] : [`--groups=${gid}`];
}

function namespaces({ snapshot }: Machine, { accelerator }: QemuOptions): readonly string[] {
  const shown = ["/usr", "/lib", "/lib64", "/bin", "/sbin", "/etc/ld.so.cache", "/etc/alternatives"];
  return [
    "--die-with-parent",
    ..."--unshare-net --unshare-ipc --unshare-pid --unshare-uts --unshare-cgroup-try".split(" "),
    ...shown.flatMap((folder) => ["--ro-bind-try", folder, folder]),
    ..."--proc /proc --dev /dev --tmpfs /tmp --chdir /".split(" "),
    ...(snapshot?.as === "saved" ? ["--ro-bind", snapshot.folder, SNAPSHOT_INSIDE] : []),
    ...(accelerator === "kvm" ? ["--dev-bind", "/dev/kvm", "/dev/kvm"] : []),
  ];
}

function qemuArguments(machine: Machine, { accelerator, counterKhz }: QemuOptions): readonly string[] {
  const file = (index: number): string => `/proc/self/fd/${FD.firstFile + index}`;
  const ports = { control: FD.control, wake: FD.wake, in: FD.input, out: FD.output, err: FD.errors };
  const emulated = accelerator === "tcg";
  return [
    "-name",
    machine.name,
    ..."-nodefaults -no-user-config -display none -nic none -no-reboot".split(" "),
    ...memoryArguments(machine, file(2 + machine.disks.length)),
    "-chardev",
    `socket,id=qmp,fd=${FD.qmp}`,
    "-mon",
    "chardev=qmp,mode=control",
    "-machine",
    // Interrupts of an older kind, more than eight devices, and a clock that KVM's guests do not need.
    `microvm,acpi=on,isa-serial=on,pit=off,pic=off,ioapic2=off,rtc=${emulated ? "on" : "off"}${machine.snapshot === undefined ? "" : ",memory-backend=ram"}`,
    "-accel",
    emulated ? `tcg,tb-size=${TRANSLATED_MIB}` : "kvm",
    "-cpu",
    // V8 at times ends Node.js because it loses count of its code, more often with protection keys (nodejs/node#64500).
    emulated ? "max,pku=off" : "host",
    "-smp",
    String(machine.cpus),
    "-m",
    `${Math.ceil(machine.memoryBytes / MiB)}M`,
    "-sandbox",
    "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny",
    "-kernel",
    file(0),
    "-initrd",
    file(1),
    "-append",
    [
      "console=ttyS0 quiet panic=-1 reboot=t",
      machine.kernelArguments,
      // There is nothing in the machine to measure an emulated processor's clock by.
      ...(emulated && counterKhz !== null ? [`tsc_early_khz=${counterKhz} tsc=reliable`] : []),
    ].join(" "),
    "-chardev",
    `socket,id=console,fd=${FD.console}`,
    "-serial",
    "chardev:console",
    "-device",
    "virtio-serial-device,max_ports=8",
    ...Object.entries(ports).flatMap(([name, fd]) => [
      "-chardev",
      `socket,id=${name},fd=${fd}`,
      "-device",
      `virtserialport,chardev=${name},name=whiskers.${name}`,
    ]),
    ...machine.disks.flatMap((_, index) => [
      "-drive",
      `id=disk${index},file=${file(2 + index)},format=raw,if=none,readonly=on,file.locking=off`,
      "-device",
      `virtio-blk-device,drive=disk${index}`,
    ]),
  ];
}

/** What a restored machine writes to its memory is its own: the file is mapped privately. */
function memoryArguments({ snapshot, memoryBytes }: Machine, file: string): readonly string[] {
  if (snapshot === undefined) return [];
  const isSaved = snapshot.as === "saved";
  const size = `${Math.ceil(memoryBytes / MiB)}M`;
  return [
    "-object",
    `memory-backend-file,id=ram,size=${size},mem-path=${file},share=${isSaved ? "on" : "off"}`,
    ...(isSaved ? [] : ["-incoming", "defer"]),
  ];
}
