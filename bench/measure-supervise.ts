import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdtempSync, openSync, readFileSync, readSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";

import { cpuMsOf, listTree, residentBytesOf } from "../src/sandbox/drivers/process-tree.ts";
import { startPostgres } from "../test/fixtures/postgres-server.ts";
import { readPhases } from "./read-phases.ts";
import { openHeap } from "./inspected-heap.ts";

const ROOT = path.resolve(import.meta.dirname, "..");
const MAIN = path.join(ROOT, "src/cli/main.ts");
/** Between two looks at how far it is, milliseconds. */
const LOOK_MS = 20;
/** A measurement in which nothing arrives for so long is over, milliseconds. */
const STUCK_MS = 60_000;
/** As the launcher has them. */
const NODE_OPTIONS = ["--max-semi-space-size=4", "--heap-growing-percent=25"];
const RAW = "a.example\nb.example\n";
const DELIVERED = '"msg":"delivered"';

export interface SuperviseBench {
  /** Tasks that are measured. */
  readonly tasks: number;
  /** Tasks before them, until everything is warm. */
  readonly warmUp: number;
  readonly state: "reuse" | "fork";
  readonly slots: number;
  readonly database: "server" | "embedded";
  /** Tasks that wait behind those that are measured; default: none. */
  readonly behind?: number;
  /** Between two measurements of memory, tasks; default: none but the last. */
  readonly memoryEvery?: number;
  /** Whether garbage is collected before each measurement of memory, and what is left in the heap is told. */
  readonly heap?: boolean;
  /** Supervisors that share the work, each with so many slots; default: one. */
  readonly supervisors?: number;
  /**
   * Folder of the normalizer `bench`, or of folders of several, and its raw file, `@FILE` for one of a file's content;
   * default: two short lines, and an object for each.
   */
  readonly normalizer?: string;
  /** Normalizers whose tasks come in turn; default: `bench` alone. */
  readonly ids?: readonly string[];
  readonly raw?: string;
  /** Settings of the supervisor beside those of the measurement. */
  readonly env?: Readonly<Record<string, string>>;
  /** Where the supervisor writes a profile of its processor time. */
  readonly profileFolder?: string;
}

export interface SuperviseFigures {
  readonly state: SuperviseBench["state"];
  readonly database: SuperviseBench["database"];
  readonly slots: number;
  readonly behind: number;
  readonly tasks: number;
  readonly tasksPerSecond: number;
  /** Processor time for each task, user and system, milliseconds, of everything that shares the machine. */
  readonly cpuMsPerTask: {
    /** The supervisors' own processes; with the embedded database, that too. */
    readonly supervisor: number;
    readonly sandboxes: number;
    /** PostgreSQL's server; 0 where it is embedded. */
    readonly database: number;
    /** mock-openkat. */
    readonly services: number;
  };
  /** Of the last tasks, the median of each phase; absent with the embedded database. */
  readonly phasesMs?: Readonly<Record<string, number>>;
  /** Resident memory of the supervisor's own process. */
  readonly memory: {
    readonly peakBytes: number;
    readonly curve: readonly MemoryPoint[];
  };
}

interface MemoryPoint {
  readonly tasks: number;
  /** Resident. */
  readonly bytes: number;
  /** What was left in JavaScript's heap when garbage had been collected, and in buffers outside it. */
  readonly heapBytes?: number;
}

/**
 * `whiskers supervise` at work on trivial tasks (20 bytes in, 3 objects out), all queued before it begins, with
 * mock-openkat and PostgreSQL in processes of their own on the same machine.
 */
export async function measureSupervise(bench: SuperviseBench): Promise<SuperviseFigures> {
  const home = mkdtempSync(path.join(tmpdir(), "whiskers-bench-"));
  await using undo = new AsyncDisposableStack();
  undo.defer(() => {
    rmSync(home, { recursive: true, force: true });
  });
  const server = bench.database === "server" ? undo.use(await startPostgres()) : null;
  const databaseUrl = await server?.createDatabase();
  const mock = startMock(
    bench.warmUp + bench.tasks + (bench.behind ?? 0),
    bench.raw ?? RAW,
    bench.ids ?? ["bench"],
  );
  undo.defer(() => end(mock));
  const settings = await settingsOf(mock);
  const log = path.join(home, "log");
  const start = (): ChildProcess => {
    const url = databaseUrl === undefined ? {} : { DATABASE_URL: databaseUrl };
    const child = startSupervisor(bench, home, log, { ...settings, ...url, ...bench.env });
    undo.defer(() => end(child));
    return child;
  };
  const supervisor = start();
  const others = Array.from({ length: (bench.supervisors ?? 1) - 1 }, start);
  const supervisors = [supervisor, ...others].map(pidOf);
  const progress = new Progress(log, supervisor);
  undo.defer(() => {
    progress.close();
  });

  const cpu = (): SuperviseFigures["cpuMsPerTask"] => ({
    supervisor: sum(supervisors, (pid) => cpuMsOf(pid, "alone")),
    sandboxes: sum(supervisors, (root) => sum(listTree(root).slice(1), (pid) => cpuMsOf(pid))),
    database: server === null ? 0 : sum(listTree(server.pid), (pid) => cpuMsOf(pid)),
    services: cpuMsOf(pidOf(mock), "alone"),
  });
  await progress.until(bench.warmUp);
  const first = { tasks: progress.delivered, ms: performance.now(), cpu: cpu() };
  const curve: MemoryPoint[] = [];
  const heap = bench.heap === true ? undo.use(await openHeap(log)) : null;
  const step = bench.memoryEvery ?? bench.tasks;
  for (let at = step; at <= bench.tasks; at += step) {
    await progress.until(bench.warmUp + at);
    const bytes = residentBytesOf(pidOf(supervisor));
    curve.push({ tasks: at, bytes, ...(heap === null ? {} : { heapBytes: await heap.usedBytes() }) });
  }
  const tasks = progress.delivered - first.tasks;
  const seconds = (performance.now() - first.ms) / 1000;
  const last = cpu();
  const each = (key: keyof typeof last): number => (last[key] - first.cpu[key]) / tasks;
  return {
    state: bench.state,
    database: bench.database,
    slots: bench.slots,
    behind: bench.behind ?? 0,
    tasks,
    tasksPerSecond: tasks / seconds,
    cpuMsPerTask: {
      supervisor: each("supervisor"),
      sandboxes: each("sandboxes"),
      database: each("database"),
      services: each("services"),
    },
    memory: { peakBytes: peakBytesOf(pidOf(supervisor)), curve },
    ...(databaseUrl === undefined ? {} : { phasesMs: await readPhases(databaseUrl) }),
  };
}

/** Reads a log that another process writes, without being woken by every line. */
class Progress {
  delivered = 0;
  readonly #file: number;
  readonly #supervisor: ChildProcess;
  readonly #buffer = Buffer.alloc(1024 * 1024);
  #at = 0;
  #rest = "";

  constructor(log: string, supervisor: ChildProcess) {
    this.#file = openSync(log, "r");
    this.#supervisor = supervisor;
  }

  async until(count: number): Promise<void> {
    let movedMs = performance.now();
    for (;;) {
      if (this.#read()) movedMs = performance.now();
      if (this.delivered >= count) return;
      if (this.#supervisor.exitCode !== null) throw new Error(`it ended: ${this.#rest}`);
      if (performance.now() - movedMs > STUCK_MS)
        throw new Error(`stuck after ${this.delivered}: ${this.#rest}`);
      await sleep(LOOK_MS);
    }
  }

  close(): void {
    closeSync(this.#file);
  }

  #read(): boolean {
    const length = readSync(this.#file, this.#buffer, 0, this.#buffer.length, this.#at);
    this.#at += length;
    const lines = (this.#rest + this.#buffer.toString("utf8", 0, length)).split("\n");
    this.#rest = lines.pop() ?? "";
    for (const line of lines) {
      if (line.includes(DELIVERED)) this.delivered += 1;
      else if (line.startsWith("{") && !line.includes('"level":"info"')) process.stderr.write(`${line}\n`);
    }
    return length > 0;
  }
}

function startMock(tasks: number, raw: string, ids: readonly string[]): ChildProcess {
  const fill = ["--fill", String(tasks), "--raw", raw, ...ids.flatMap((id) => ["--normalizer", id])];
  return spawn(process.execPath, [MAIN, "mock-openkat", ...fill], { stdio: ["ignore", "pipe", "inherit"] });
}

async function settingsOf(mock: ChildProcess): Promise<Readonly<Record<string, string>>> {
  const settings: Record<string, string> = {};
  if (mock.stdout === null) throw new Error("no stdout");
  for await (const line of createInterface(mock.stdout)) {
    const found = /^export (?<name>\w+)=(?<value>.*)$/u.exec(line)?.groups;
    if (found !== undefined) settings[found["name"] ?? ""] = found["value"] ?? "";
    if (line.startsWith("#")) break;
  }
  return settings;
}

function startSupervisor(
  bench: SuperviseBench,
  home: string,
  log: string,
  settings: Readonly<Record<string, string>>,
): ChildProcess {
  const profile =
    bench.profileFolder === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${bench.profileFolder}`];
  const file = openSync(log, "a");
  try {
    const inspect = bench.heap === true ? ["--inspect=127.0.0.1:0"] : [];
    return spawn(process.execPath, [...NODE_OPTIONS, ...profile, ...inspect, MAIN, "supervise"], {
      stdio: ["ignore", "ignore", file],
      env: {
        PATH: process.env["PATH"],
        HOME: home,
        NODE_COMPILE_CACHE: path.join(ROOT, "node_modules/.cache/whiskers"),
        WHISKERS_HOME: home,
        WHISKERS_NORMALIZERS: bench.normalizer ?? path.join(ROOT, "src/bench/normalizers/python"),
        WHISKERS_SLOTS: String(bench.slots),
        WHISKERS_STATE: bench.state,
        ...settings,
      },
    });
  } finally {
    closeSync(file);
  }
}

/** In order, within a few seconds; then at once. */
async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), 5000);
  await ended;
  clearTimeout(timer);
}

function pidOf(child: ChildProcess): number {
  if (child.pid === undefined) throw new Error("it was not started");
  return child.pid;
}

function peakBytesOf(pid: number): number {
  const found = /^VmHWM:\s+(?<kib>\d+) kB$/mu.exec(readFileSync(`/proc/${pid}/status`, "utf8"));
  return Number(found?.groups?.["kib"] ?? 0) * 1024;
}

function sum(pids: readonly number[], measure: (pid: number) => number): number {
  return pids.reduce((total, pid) => total + measure(pid), 0);
}
