import { execFileSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  statSync,
  writeFileSync,
} from "node:fs";
import path from "node:path";

import { DEFAULT_LIMITS } from "../src/domain/limits.ts";
import type { Package, Root, StatePolicy } from "../src/domain/package.ts";
import { isObject } from "../src/domain/unknown.ts";
import { diskImage } from "../src/packages/disk-image.ts";
import { createMicrovmDriver } from "../src/sandbox/drivers/microvm/create-microvm-driver.ts";
import { openMachine } from "../src/sandbox/drivers/microvm/open.ts";
import type { PreparedMachine } from "../src/sandbox/drivers/microvm/open.ts";
import { setUp } from "../src/sandbox/drivers/microvm/set-up.ts";
import { argumentsOf, listTree, proportionalBytesOf } from "../src/sandbox/drivers/process-tree.ts";
import type { Driver, Sandbox } from "../src/sandbox/driver.ts";
import { guestCommand } from "../src/sandbox/guest-command.ts";
import { encodeFrame, FRAME, FrameDecoder } from "../src/sandbox/frames.ts";
import type { FrameKind } from "../src/sandbox/frames.ts";
import { barePackage } from "../src/sandbox/testing/bare-package.ts";
import { META, openRig } from "../src/sandbox/testing/rig.ts";
import { pathsInside } from "../src/sandbox/view/paths-inside.ts";

export interface MicrovmFigures {
  readonly version: string;
  /** Until a Python guest is ready, in milliseconds. */
  readonly coldBoot: Cost;
  readonly restore: Cost;
  /** What a restore takes of a boot. */
  readonly restoreShare: { readonly wall: number; readonly cpu: number };
  /** One run of nothing in a warm machine, milliseconds, median. */
  readonly warmRunMs: Readonly<Record<"fork" | "reuse", number>>;
  readonly device: DeviceFigures;
  readonly memory: MemoryFigures;
}

/** Medians of rounds, in each a boot and a restore. */
interface Cost {
  readonly wallMs: number;
  readonly cpuMs: number;
}

/** By proportional set size, of the monitors of machines that went on from one snapshot and wait for a run; but for `whole`. */
interface MemoryFigures {
  readonly oneBytes: number;
  readonly tenBytes: number;
  readonly tenTimesOne: number;
  /** What one more takes: it is nobody else's. */
  readonly oneMoreBytes: number;
  /** Of that: what emulated code was translated into, and written to in the machine's own memory. Private pages. */
  readonly translatedBytes: number;
  readonly guestBytes: number;
  /** Computed, not measured: what `tenTimesOne` would be without translated code, which machines with KVM have none of. */
  readonly tenTimesOneUntranslated: number;
  /** One that booted by itself. */
  readonly bootedBytes: number;
  readonly whole: WholeMemory;
}

/**
 * All that the host's memory holds for such machines: what is each one's own, and files once. Of the kernel, initramfs, disks and
 * snapshot that is all that these machines have brought into the page cache, mapped or not, which the host may take back; of
 * QEMU and its libraries what is mapped.
 */
interface WholeMemory {
  readonly oneBytes: number;
  readonly tenBytes: number;
  readonly tenTimesOne: number;
  /** Of `tenBytes`: what is each one's own, in sum, and the files. */
  readonly tenOwnBytes: number;
  readonly tenFilesBytes: number;
}

/** All in one machine that stays as it is, one after another in every round, milliseconds: medians of the rounds. */
export interface DeviceFigures {
  /** The bytes of such a run, answered by the guest's process as soon as it has read them, in as many pieces as a run. */
  readonly roundTripMs: number;
  /** The fastest of them: how far the median is from it says how busy this machine was. */
  readonly fastestRoundTripMs: number;
  /** A run of a normalizer that does next to nothing in a warm guest, from the host to the guest and back. */
  readonly runMs: number;
  /** The same in the guest alone: from a pipe, to a pipe, and nobody else. */
  readonly runInsideMs: number;
  /** What a run adds to what it takes inside, in round trips. */
  readonly addedRoundTrips: number;
}

export interface MicrovmSubject {
  /** With a Python. */
  readonly root: Root;
  /** A kernel's file; null: the one that is installed. */
  readonly kernel: string | null;
  readonly folder: string;
}

/** How often: pairs of a boot and a restore, and warm runs. */
export interface MicrovmEffort {
  readonly rounds: number;
  readonly runs: number;
}

const SDK_FOLDER = path.resolve(import.meta.dirname, "../sdk");
const MiB = 1024 * 1024;
const LIMITS = { ...DEFAULT_LIMITS, memoryBytes: 96 * MiB, startMs: 120_000, wallMs: 60_000 };
const MACHINES = 10;
export const WHOLE_MACHINES: MicrovmEffort = { rounds: 5, runs: 100 };
export const QUICK_MACHINES: MicrovmEffort = { rounds: 1, runs: 30 };
const WARM_UP = 20;
/** What a guest says of a run that gives one small record: `records`, `done`, `ready`. */
const PIECES = [66, 24, 11];
/** Until a machine that went on from a snapshot waits for a run. */
const IDLE_MS = 1000;

/** Does nothing; or, told so, does a run of nothing from a pipe to another, and tells how long that took. */
const NORMALIZER = `
import json, os, time
import whiskers.frames as frames
import whiskers.run

pipes = None

def run(meta, raw):
    text = bytes(raw).decode()
    if text == "nothing":
        yield {"object_type": "Network", "name": "internet"}
    else:
        yield {"inside": measure(json.loads(text))}

def measure(parts):
    global pipes
    pipes = pipes or (os.pipe(), os.pipe())
    (taken_in, given), (taken_out, told) = pipes
    reader = frames.Reader(taken_in)
    request = b"".join(frames.header(kind, 1, len(payload)) + payload.encode() for kind, payload in parts)
    # As between two runs from outside: it has to be woken.
    time.sleep(0.001)
    started = time.perf_counter()
    os.write(given, request)
    whiskers.run.execute(run, told, *whiskers.run.next_run(reader, told))
    frames.send(told, frames.READY, 0, b"{}")
    os.read(taken_out, 65536)
    return (time.perf_counter() - started) * 1000
`;

const ECHO_MARK = "echo";
/** The guest, but that it sends back at once whatever begins with a mark, in as many pieces as it answers a run in. */
const ECHOING_GUEST = `
import os, sys
out, read = os.dup(1), os.read
def read_or_echo(fd, size):
    while True:
        said = read(fd, size)
        if not said.startswith(b"${ECHO_MARK}"):
            return said
        for size in (${PIECES.join(", ")}):
            os.write(out, said[:size])
os.read = read_or_echo
sys.path[0] = os.path.dirname(sys.argv[1])
from whiskers.guest import main
main()
`;

/** What machines cost, on this machine, in one run. Takes two to three minutes where they are emulated. */
export async function measureMicrovm(
  subject: MicrovmSubject,
  { rounds, runs }: MicrovmEffort = WHOLE_MACHINES,
): Promise<MicrovmFigures> {
  const driver = driverOf(subject);
  const probe = await driver.probe();
  if (!probe.available) throw new Error(`microvm: ${probe.reason}`);
  const prepared = await driver.prepare(packageIn(subject.folder, subject.root));
  const open = (state: StatePolicy): Promise<Opened> => openUntilReady(driver, prepared, state);
  const costOfOne = async (state: StatePolicy): Promise<Cost> => {
    const { sandbox, wallMs } = await open(state);
    const { cpuMs } = await sandbox.usage();
    await sandbox.close();
    return { wallMs, cpuMs: cpuMs ?? Number.NaN };
  };
  // The first makes the snapshot.
  await costOfOne("fresh");
  const boots: Cost[] = [];
  const restores: Cost[] = [];
  for (let round = 0; round < rounds; round += 1) {
    boots.push(await costOfOne("reuse"));
    restores.push(await costOfOne("fresh"));
  }
  const [coldBoot, restore] = [medianCost(boots), medianCost(restores)];
  return {
    version: probe.version,
    coldBoot,
    restore,
    restoreShare: { wall: restore.wallMs / coldBoot.wallMs, cpu: restore.cpuMs / coldBoot.cpuMs },
    memory: await measureMemory(open),
    device: await measureDevice(subject, runs),
    warmRunMs: {
      fork: await warmRun(subject, driver, "fork", runs),
      reuse: await warmRun(subject, driver, "reuse", runs),
    },
  };
}

async function measureMemory(open: (state: StatePolicy) => Promise<Opened>): Promise<MemoryFigures> {
  const booted = await open("reuse");
  await settle();
  const bootedBytes = proportionalBytes([booted]);
  await booted.sandbox.close();

  const first = await open("fresh");
  const files = monitorsOf([first]).flatMap(filesOfMachine);
  await first.sandbox.close();
  dropFromCache(files);
  const one = await open("fresh");
  await settle();
  const oneBytes = proportionalBytes([one]);
  const oneWhole = wholeBytes([one]);
  const ten = [one];
  while (ten.length < MACHINES) ten.push(await open("fresh"));
  await settle();
  const tenBytes = proportionalBytes(ten);
  const tenWhole = wholeBytes(ten);
  const last = monitorsOf(ten.slice(-1));
  const translatedBytes = privateBytes(last, isTranslated);
  const guestBytes = privateBytes(last, isGuestMemory);
  for (const { sandbox } of ten) await sandbox.close();
  // It boots where no snapshot can be made, as on a disk that is full, or where saving takes longer than QEMU is given.
  if (guestBytes === 0) throw new Error("no machine went on from a snapshot: it could not be made");
  return {
    oneBytes,
    tenBytes,
    tenTimesOne: tenBytes / oneBytes,
    oneMoreBytes: (tenBytes - oneBytes) / (MACHINES - 1),
    translatedBytes,
    guestBytes,
    tenTimesOneUntranslated: (tenBytes - MACHINES * translatedBytes) / (oneBytes - translatedBytes),
    bootedBytes,
    whole: {
      oneBytes: oneWhole.ownBytes + oneWhole.filesBytes,
      tenBytes: tenWhole.ownBytes + tenWhole.filesBytes,
      tenTimesOne: (tenWhole.ownBytes + tenWhole.filesBytes) / (oneWhole.ownBytes + oneWhole.filesBytes),
      tenOwnBytes: tenWhole.ownBytes,
      tenFilesBytes: tenWhole.filesBytes,
    },
  };
}

/** The device between host and machine, and what it adds to a run: all in one machine, in rounds. */
export async function measureDevice(
  subject: MicrovmSubject,
  runs = WHOLE_MACHINES.runs,
): Promise<DeviceFigures> {
  const found = await setUp({ ...optionsOf(subject), kernel: subject.kernel });
  if (!found.available) throw new Error(`microvm: ${found.reason}`);
  const { host } = found;
  const driver = driverOf(subject);
  const pkg = packageIn(subject.folder, subject.root);
  const prepared = (await driver.prepare(pkg)) as PreparedMachine;
  const command = guestCommand(pkg, "reuse", pathsInside(prepared), LIMITS);
  const [python = "", ...rest] = command.argv;
  const argv = [python, "-S", "-s", "-c", ECHOING_GUEST, rest.at(-1) ?? ""];
  const contents = { ...prepared, command: { ...command, argv }, relayed: false };
  const sandbox = await openMachine(contents, { limits: LIMITS, files: [] }, host);
  try {
    const guest = new BareClient(sandbox);
    await guest.untilReady();
    const wish = JSON.stringify(framesOf("nothing").map(([kind, payload]) => [kind, payload.toString()]));
    const rounds: { echo: number; run: number; inside: number }[] = [];
    for (let round = 0; round < runs + WARM_UP; round += 1) {
      const echo = await timed(() => guest.echo());
      const run = await timed(() => guest.run("nothing"));
      const told: unknown = JSON.parse(await guest.run(wish));
      if (!isObject(told)) throw new Error("nothing was measured inside");
      rounds.push({ echo, run, inside: Number(told["inside"]) });
    }
    const warm = rounds.slice(WARM_UP);
    const roundTripMs = median(warm.map(({ echo }) => echo));
    const runMs = median(warm.map(({ run }) => run));
    const runInsideMs = median(warm.map(({ inside }) => inside));
    return {
      roundTripMs,
      fastestRoundTripMs: Math.min(...warm.map(({ echo }) => echo)),
      runMs,
      runInsideMs,
      addedRoundTrips: (runMs - runInsideMs) / roundTripMs,
    };
  } finally {
    await sandbox.close();
  }
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedMs = performance.now();
  await work();
  return performance.now() - startedMs;
}

/** The guest protocol as bare as it can be, so that nothing but the device lies between two times. */
class BareClient {
  readonly #sandbox: Sandbox;
  readonly #decoder = new FrameDecoder("guest");
  readonly #echoed = Buffer.concat([
    Buffer.from(ECHO_MARK),
    ...framesOf("nothing").map(([, payload]) => payload),
  ]);
  #number = 0;
  #records = "";
  /** Bytes of an echo that have not come. */
  #missing = 0;
  #onAnswer: (records: string) => void = () => {};

  constructor(sandbox: Sandbox) {
    this.#sandbox = sandbox;
    sandbox.output.on("data", (chunk: Buffer) => {
      if (this.#missing > 0) {
        this.#missing -= chunk.length;
        if (this.#missing === 0) this.#onAnswer("");
        return;
      }
      for (const { kind, payload } of this.#decoder.push(chunk)) {
        if (kind === FRAME.records) this.#records += payload.toString();
        if (kind === FRAME.ready) this.#onAnswer(this.#records);
      }
    });
  }

  /** As many bytes to the guest's process as a run, and back. */
  echo(): Promise<string> {
    this.#missing = PIECES.reduce((sum, size) => sum + size, 0);
    const answer = this.#answer();
    this.#sandbox.input.write(this.#echoed);
    return answer;
  }

  /** Gives the run's records. @throws Error the machine ended */
  run(raw: string): Promise<string> {
    this.#records = "";
    this.#number += 1;
    const parts = framesOf(raw).flatMap(([kind, payload]) => encodeFrame(kind, this.#number, payload));
    const answer = this.#answer();
    this.#sandbox.input.write(Buffer.concat(parts));
    return answer;
  }

  /** For its first time. @throws Error the machine ended */
  untilReady(): Promise<string> {
    return this.#answer();
  }

  #answer(): Promise<string> {
    return new Promise((resolve, reject) => {
      this.#onAnswer = resolve;
      void this.#sandbox.ended.then((ending) => {
        reject(new Error(`the machine ended: ${JSON.stringify(ending)}`));
        return null;
      });
    });
  }
}

/** One run, as the host sends it. */
function framesOf(raw: string): readonly (readonly [FrameKind, Buffer])[] {
  const content = Buffer.from(raw);
  const run = { protocol: 1, meta: META, raws: [{ id: "raw", size: content.length, mime_types: [] }] };
  return [
    [FRAME.run, Buffer.from(JSON.stringify(run))],
    [FRAME.raw, content],
    [FRAME.raw, Buffer.alloc(0)],
  ];
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

/** @throws Error it ended */
function nextOf(sandbox: Sandbox): Promise<void> {
  return new Promise((resolve, reject) => {
    const onData = (): void => {
      sandbox.output.off("data", onData);
      resolve();
    };
    sandbox.output.on("data", onData);
    void sandbox.ended.then((ending) => {
      reject(new Error(`the machine ended: ${JSON.stringify(ending)}`));
      return null;
    });
  });
}

interface Opened {
  readonly sandbox: Sandbox;
  readonly wallMs: number;
}

/** Asks the machine for nothing, as nobody does before its run: it would take memory to answer. */
async function openUntilReady(
  driver: Driver,
  prepared: Awaited<ReturnType<Driver["prepare"]>>,
  state: StatePolicy,
): Promise<Opened> {
  const startedMs = performance.now();
  const sandbox = await driver.open(prepared, { limits: LIMITS, state, files: [] });
  sandbox.errors.resume();
  await nextOf(sandbox);
  return { sandbox, wallMs: performance.now() - startedMs };
}

function medianCost(costs: readonly Cost[]): Cost {
  return {
    wallMs: median(costs.map(({ wallMs }) => wallMs)),
    cpuMs: median(costs.map(({ cpuMs }) => cpuMs)),
  };
}

async function warmRun(
  subject: MicrovmSubject,
  driver: Driver,
  state: "fork" | "reuse",
  runs: number,
): Promise<number> {
  await using rig = openRig();
  const pkg = packageIn(subject.folder, subject.root);
  const taken: number[] = [];
  for (let count = 0; count < runs + WARM_UP; count += 1) {
    const { timingsMs } = await rig.run(pkg, { driver, state, limits: LIMITS, raws: [rig.raw("nothing")] });
    taken.push(timingsMs.run);
  }
  return median(taken.slice(WARM_UP));
}

function proportionalBytes(opened: readonly Opened[]): number {
  return sumOf(monitorsOf(opened).map(proportionalBytesOf));
}

function wholeBytes(opened: readonly Opened[]): { readonly ownBytes: number; readonly filesBytes: number } {
  const machinesFiles = new Set(monitorsOf(opened).flatMap(filesOfMachine));
  /** Of QEMU, bubblewrap and their libraries: of each the most that one of them has mapped. */
  const mappedBytes = new Map<string, number>();
  let ownBytes = 0;
  for (const pid of processesOf(opened)) {
    const mapped = new Map<string, number>();
    for (const mapping of mappingsOf(pid)) {
      const file = /^\S+ \S+ \S+ \S+ \S+ +(\/.*)$/mu.exec(firstLineOf(mapping))?.[1];
      const anonymousBytes = bytesOf(mapping, "Anonymous");
      ownBytes += anonymousBytes;
      if (file === undefined || machinesFiles.has(file)) continue;
      mapped.set(file, (mapped.get(file) ?? 0) + bytesOf(mapping, "Rss") - anonymousBytes);
    }
    for (const [file, bytes] of mapped) mappedBytes.set(file, Math.max(bytes, mappedBytes.get(file) ?? 0));
  }
  return { ownBytes, filesBytes: sumOf([...mappedBytes.values()]) + cachedBytes([...machinesFiles]) };
}

/** What QEMU was given, and the state that it has read. */
function filesOfMachine(pid: number): readonly string[] {
  const opened = readdirSync(`/proc/${pid}/fd`).map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`));
  const files = opened.filter((file) => existsSync(file) && statSync(file).isFile());
  const [memory = ""] = files.filter((file) => file.endsWith("/memory"));
  return [...files, path.join(path.dirname(memory), "state")];
}

/** Whoever wrote them had them there: what is there afterwards, those that read them want. dd(1) */
function dropFromCache(files: readonly string[]): void {
  execFileSync("sync", files);
  for (const file of files) execFileSync("dd", [`if=${file}`, "iflag=nocache", "count=0", "status=none"]);
}

/** fincore(1): what is in the page cache. */
function cachedBytes(files: readonly string[]): number {
  const said = execFileSync("fincore", ["--bytes", "--noheadings", "--output", "RES", ...files], {
    encoding: "utf8",
  });
  return sumOf(said.trim().split("\n").map(Number));
}

function monitorsOf(opened: readonly Opened[]): readonly number[] {
  return processesOf(opened).filter((pid) => argumentsOf(pid)[0]?.includes("qemu-system") === true);
}

/** By the names of their machines: QEMU, and bubblewrap around it. */
function processesOf(opened: readonly Opened[]): readonly number[] {
  const ids = opened.map(({ sandbox }) => sandbox.id);
  return listTree(process.pid).filter((pid) => argumentsOf(pid).some((one) => ids.includes(one)));
}

/** What is private of the mappings that are wanted, by their first lines. */
function privateBytes(pids: readonly number[], isWanted: (mapping: string) => boolean): number {
  const mappings = pids.flatMap(mappingsOf).filter((mapping) => isWanted(firstLineOf(mapping)));
  return sumOf(mappings.map((mapping) => bytesOf(mapping, "Private_Dirty")));
}

/** proc_pid_smaps(5) */
function mappingsOf(pid: number): readonly string[] {
  return readFileSync(`/proc/${pid}/smaps`, "utf8").split(/^(?=[0-9a-f]+-[0-9a-f]+ )/mu);
}

function firstLineOf(mapping: string): string {
  return mapping.split("\n", 1)[0] ?? "";
}

function bytesOf(mapping: string, name: string): number {
  return Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, "mu").exec(mapping)?.[1] ?? 0) * 1024;
}

function sumOf(values: readonly number[]): number {
  return values.reduce((sum, one) => sum + one, 0);
}

function isTranslated(mapping: string): boolean {
  return / rwxp /u.test(mapping);
}

function isGuestMemory(mapping: string): boolean {
  return mapping.endsWith("/memory");
}

function settle(): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, IDLE_MS);
  });
}

function optionsOf({ folder }: MicrovmSubject): Parameters<typeof createMicrovmDriver>[0] {
  return { stateDirectory: path.join(folder, "state"), sdkFolder: SDK_FOLDER, diskImage };
}

function driverOf(subject: MicrovmSubject): Driver {
  return createMicrovmDriver({ ...optionsOf(subject), kernel: subject.kernel });
}

function packageIn(folder: string, root: Root): Package {
  const code = path.join(folder, "nothing");
  mkdirSync(code, { recursive: true });
  writeFileSync(path.join(code, "normalize.py"), NORMALIZER);
  const guest = { kind: "python", version: "3.11", module: "normalize", callable: "run" } as const;
  return barePackage({ name: "nothing", folder: code, guest, root });
}
