import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";

import { DEFAULT_LIMITS } from "../src/domain/limits.ts";
import type { Package, Root, StatePolicy } from "../src/domain/package.ts";
import { isObject } from "../src/domain/unknown.ts";
import { diskImage } from "../src/packages/disk-image.ts";
import { createMicrovmDriver } from "../src/sandbox/drivers/microvm/create-microvm-driver.ts";
import { openMachine } from "../src/sandbox/drivers/microvm/open.ts";
import type { PreparedMachine } from "../src/sandbox/drivers/microvm/open.ts";
import { setUp } from "../src/sandbox/drivers/microvm/set-up.ts";
import { listTree, proportionalBytesOf } from "../src/sandbox/drivers/process-tree.ts";
import type { Driver, Sandbox } from "../src/sandbox/driver.ts";
import { guestCommand } from "../src/sandbox/guest-command.ts";
import { encodeFrame, FRAME, FrameDecoder } from "../src/sandbox/frames.ts";
import type { FrameKind } from "../src/sandbox/frames.ts";
import { META, openRig } from "../src/sandbox/testing/rig.ts";
import { pathsInside } from "../src/sandbox/view/paths-inside.ts";

export interface MicrovmFigures {
  readonly version: string;
  /** Until a Python guest is ready, in milliseconds. */
  readonly coldBoot: Cost;
  readonly restore: Cost;
  /** One run of nothing in a warm machine, milliseconds, median. */
  readonly warmRunMs: Readonly<Record<"fork" | "reuse", number>>;
  readonly device: DeviceFigures;
  /** By proportional set size, of machines that went on from one snapshot and wait for a run. */
  readonly memory: {
    readonly oneBytes: number;
    readonly tenBytes: number;
    /** One that booted by itself. */
    readonly bootedBytes: number;
  };
}

interface Cost {
  readonly wallMs: number;
  readonly cpuMs: number;
}

/** All in one machine that stays as it is: the fastest of a hundred or more. */
export interface DeviceFigures {
  /** The bytes of such a run, to a program in the machine that does nothing but answer in as many pieces as a guest. */
  readonly roundTripMs: number;
  /** A run of a normalizer that does next to nothing in a warm guest, from the host to the guest and back. */
  readonly runMs: number;
  /** The same in the guest alone: from a pipe, to a pipe, and nobody else. */
  readonly runInsideMs: number;
}

export interface MicrovmSubject {
  /** With a Python. */
  readonly root: Root;
  /** A kernel's file; null: the one that is installed. */
  readonly kernel: string | null;
  readonly folder: string;
}

const SDK_FOLDER = path.resolve(import.meta.dirname, "../sdk");
const MiB = 1024 * 1024;
const LIMITS = { ...DEFAULT_LIMITS, memoryBytes: 96 * MiB, startMs: 120_000, wallMs: 60_000 };
const MACHINES = 10;
const ROUND_TRIPS = 300;
const RUNS = 100;
const WARM_UP = 20;
/** What a guest says of a run that gives one small record: `records`, `done`, `ready`. */
const PIECES = [66, 24, 11];
/** Until a machine that went on from a snapshot waits for a run. */
const IDLE_MS = 1000;

/**
 * Does nothing; or, given a run as it came from the host, does it again and again, reading from a pipe and writing to
 * another, and tells the fastest: all that a run is but for the device.
 */
const NORMALIZER = `
import json, os, time
import whiskers.frames as frames
import whiskers.run

def run(meta, raw):
    text = bytes(raw).decode()
    if text == "nothing":
        yield {"object_type": "Network", "name": "internet"}
    else:
        yield {"inside": measure(json.loads(text))}

def measure(brief):
    taken_in, given = os.pipe()
    taken_out, told = os.pipe()
    reader = frames.Reader(taken_in)
    taken = []
    for number in range(1, brief["runs"] + 1):
        request = b"".join(
            frames.header(kind, number, len(payload)) + payload.encode() for kind, payload in brief["frames"]
        )
        # As between two runs from outside: it has to be woken.
        time.sleep(0.001)
        started = time.perf_counter()
        os.write(given, request)
        whiskers.run.execute(run, told, *whiskers.run.next_run(reader, told))
        frames.send(told, frames.READY, 0, b"{}")
        os.read(taken_out, 65536)
        taken.append((time.perf_counter() - started) * 1000)
    return min(taken[brief["warmUp"]:])
`;

/** Answers, in as many pieces as a guest answers a run in, until it is told to be the guest. */
const ECHO = `
import os, sys
while True:
    said = os.read(0, 4096)
    if said == b"go\\n":
        os.execv(sys.argv[1], sys.argv[1:])
    for size in (${PIECES.join(", ")}):
        os.write(1, said[:size])
`;

/** What machines cost, on this machine, in one run. Takes one to two minutes where they are emulated. */
export async function measureMicrovm(subject: MicrovmSubject): Promise<MicrovmFigures> {
  const { folder } = subject;
  const driver = driverOf(subject);
  const probe = await driver.probe();
  if (!probe.available) throw new Error(`microvm: ${probe.reason}`);
  const prepared = await driver.prepare(packageIn(folder, subject.root));
  const open = (state: StatePolicy): Promise<Opened> => openUntilReady(driver, prepared, state);

  const boots: Opened[] = [];
  for (let count = 0; count < 2; count += 1) {
    const booted = await open("reuse");
    boots.push(booted);
    if (count === 0) await booted.sandbox.close();
  }
  await settle();
  const bootedBytes = boots.slice(-1).reduce((sum, { sandbox }) => sum + memoryOf(sandbox), 0);
  await boots.at(-1)?.sandbox.close();

  await (await open("fresh")).sandbox.close();
  const restored: Opened[] = [];
  let oneBytes = 0;
  for (let count = 1; count <= MACHINES; count += 1) {
    restored.push(await open("fresh"));
    if (count > 1) continue;
    await settle();
    oneBytes = restored.reduce((sum, { sandbox }) => sum + memoryOf(sandbox), 0);
  }
  await settle();
  const tenBytes = restored.reduce((sum, { sandbox }) => sum + memoryOf(sandbox), 0);
  for (const { sandbox } of restored) await sandbox.close();
  return {
    version: probe.version,
    coldBoot: costOf(boots),
    restore: costOf(restored),
    warmRunMs: {
      fork: await warmRun(subject, driver, "fork"),
      reuse: await warmRun(subject, driver, "reuse"),
    },
    device: await measureDevice(subject),
    memory: { oneBytes, tenBytes, bootedBytes },
  };
}

/** The device between host and machine, and what it adds to a run: all in one machine. */
export async function measureDevice(subject: MicrovmSubject): Promise<DeviceFigures> {
  const found = await setUp({ ...optionsOf(subject), kernel: subject.kernel });
  if (!found.available) throw new Error(`microvm: ${found.reason}`);
  const { host } = found;
  const driver = driverOf(subject);
  const pkg = packageIn(subject.folder, subject.root);
  const prepared = (await driver.prepare(pkg)) as PreparedMachine;
  const command = guestCommand(pkg, "reuse", pathsInside(prepared), LIMITS);
  const [python = ""] = command.argv;
  const sandbox = await openMachine(
    {
      ...prepared,
      command: { ...command, argv: [python, "-S", "-c", ECHO, ...command.argv] },
      relayed: false,
    },
    { limits: LIMITS, files: [] },
    host,
  );
  try {
    const roundTripMs = await echo(sandbox);
    const guest = new BareClient(sandbox);
    sandbox.input.write("go\n");
    await guest.untilReady();
    const runs: number[] = [];
    for (let number = 1; number <= RUNS + WARM_UP; number += 1) {
      const startedMs = performance.now();
      guest.send(number, "nothing");
      await guest.untilReady();
      runs.push(performance.now() - startedMs);
    }
    const brief = {
      argv: command.argv,
      env: command.env,
      frames: framesOf("nothing").map(([kind, payload]) => [kind, payload.toString()]),
      runs: RUNS + WARM_UP,
      warmUp: WARM_UP,
    };
    guest.send(RUNS + WARM_UP + 1, JSON.stringify(brief));
    const told: unknown = JSON.parse(await guest.untilReady());
    if (!isObject(told)) throw new Error("nothing was measured inside");
    return {
      roundTripMs,
      runMs: fastest(runs.slice(WARM_UP)),
      runInsideMs: Number(told["inside"]),
    };
  } finally {
    await sandbox.close();
  }
}

/** The guest protocol as bare as it can be, so that nothing but the device lies between two times. */
class BareClient {
  readonly #sandbox: Sandbox;
  readonly #decoder = new FrameDecoder("guest");
  #records = "";
  #onReady: (records: string) => void = () => {};

  constructor(sandbox: Sandbox) {
    this.#sandbox = sandbox;
    sandbox.output.on("data", (chunk: Buffer) => {
      for (const { kind, payload } of this.#decoder.push(chunk)) {
        if (kind === FRAME.records) this.#records += payload.toString();
        if (kind === FRAME.ready) this.#onReady(this.#records);
      }
    });
  }

  send(number: number, raw: string): void {
    this.#records = "";
    const parts = framesOf(raw).flatMap(([kind, payload]) => encodeFrame(kind, number, payload));
    this.#sandbox.input.write(Buffer.concat(parts));
  }

  /** Its records since the last run was sent. @throws Error the machine ended */
  untilReady(): Promise<string> {
    return new Promise((resolve, reject) => {
      this.#onReady = resolve;
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

async function echo(sandbox: Sandbox): Promise<number> {
  const said = Buffer.concat(framesOf("nothing").map(([, payload]) => payload));
  const wanted = PIECES.reduce((sum, size) => sum + size, 0);
  let missing = 0;
  let onWhole = (): void => {};
  const onData = (chunk: Buffer): void => {
    missing -= chunk.length;
    if (missing === 0) onWhole();
  };
  sandbox.output.on("data", onData);
  const taken: number[] = [];
  for (let count = 0; count < ROUND_TRIPS; count += 1) {
    const startedMs = performance.now();
    missing = wanted;
    const answer = new Promise<void>((resolve) => {
      onWhole = resolve;
    });
    sandbox.input.write(said);
    await answer;
    taken.push(performance.now() - startedMs);
  }
  sandbox.output.off("data", onData);
  return fastest(taken.slice(WARM_UP));
}

/** What else goes on here is least in it. */
function fastest(values: readonly number[]): number {
  return quantile(values, 0);
}

function quantile(values: readonly number[], share: number): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length * share)] ?? Number.NaN;
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
  readonly cpuMs: number;
}

async function openUntilReady(
  driver: Driver,
  prepared: Awaited<ReturnType<Driver["prepare"]>>,
  state: StatePolicy,
): Promise<Opened> {
  const startedMs = performance.now();
  const sandbox = await driver.open(prepared, { limits: LIMITS, state, files: [] });
  sandbox.errors.resume();
  await nextOf(sandbox);
  const wallMs = performance.now() - startedMs;
  const { cpuMs } = await sandbox.usage();
  return { sandbox, wallMs, cpuMs: cpuMs ?? Number.NaN };
}

function costOf(opened: readonly Opened[]): Cost {
  return {
    wallMs: quantile(
      opened.map(({ wallMs }) => wallMs),
      0.5,
    ),
    cpuMs: quantile(
      opened.map(({ cpuMs }) => cpuMs),
      0.5,
    ),
  };
}

async function warmRun(subject: MicrovmSubject, driver: Driver, state: "fork" | "reuse"): Promise<number> {
  const rig = openRig();
  try {
    const runs: number[] = [];
    for (let count = 0; count < RUNS + WARM_UP; count += 1) {
      const pkg = packageIn(subject.folder, subject.root);
      const { timingsMs } = await rig.run(pkg, { driver, state, limits: LIMITS, raws: [rig.raw("nothing")] });
      runs.push(timingsMs.run);
    }
    return quantile(runs.slice(WARM_UP), 0.5);
  } finally {
    await rig[Symbol.asyncDispose]();
  }
}

/** Of the monitor, by the name of its machine. */
function memoryOf({ id }: Sandbox): number {
  return listTree(process.pid)
    .filter((pid) => isMonitorOf(pid, id))
    .reduce((sum, pid) => sum + proportionalBytesOf(pid), 0);
}

function isMonitorOf(pid: number, id: string): boolean {
  try {
    const [program = "", ...args] = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
    return program.includes("qemu-system") && args.includes(id);
  } catch {
    return false;
  }
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
  return {
    digest: `sha256:${"5".repeat(64)}`,
    root,
    dependencies: null,
    folder: code,
    manifest: {
      id: "nothing",
      name: "nothing",
      description: null,
      version: null,
      consumes: [],
      produces: [],
      guest: { kind: "python", version: "3.11", module: "normalize", callable: "run" },
      limits: {},
      runtime: null,
      schema: "openkat/1",
      dependencies: null,
      onInvalid: "fail",
    },
  };
}
