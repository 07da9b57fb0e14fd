/**
 * Tasks a second, and processor time of the supervisor itself for each, with a trivial normalizer against
 * mock-openkat in a process of its own: `node bench/supervise.ts [--tasks N] [--state S] [--slots N]
 * [--runtime R] [--database URL] [--profile FOLDER]`.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";

const ROOT = path.resolve(import.meta.dirname, "..");
const MAIN = path.join(ROOT, "src/cli/main.ts");
/** Of Linux, nearly everywhere; `getconf CLK_TCK`. */
const TICKS_PER_SECOND = 100;
/** Not measured: everything is warm then. */
const WARM_UP = 0.2;

export interface SuperviseFigures {
  readonly tasks: number;
  readonly tasksPerSecond: number;
  /** Of the supervisor's own process, for each task. */
  readonly cpuMsPerTask: number;
  readonly peakMemoryBytes: number;
}

export interface SuperviseBench {
  readonly tasks: number;
  readonly state: string;
  readonly slots: number;
  readonly runtime: string;
  readonly databaseUrl: string | null;
  readonly profileFolder: string | null;
}

/** Runs the tasks and measures all but the first fifth. */
export async function measureSupervise(bench: SuperviseBench): Promise<SuperviseFigures> {
  const home = mkdtempSync(path.join(tmpdir(), "whiskers-bench-"));
  const fill = ["--fill", String(bench.tasks), "--normalizer", "bench", "--raw", "a.example\nb.example\n"];
  const mock = spawn(process.execPath, [MAIN, "mock-openkat", ...fill], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const settings: Record<string, string> = {};
  for await (const line of createInterface(mock.stdout)) {
    const found = /^export (?<name>\w+)=(?<value>.*)$/u.exec(line)?.groups;
    if (found !== undefined) settings[found["name"] ?? ""] = found["value"] ?? "";
    if (line.startsWith("#")) break;
  }
  const profile = bench.profileFolder === null ? [] : ["--cpu-prof", `--cpu-prof-dir=${bench.profileFolder}`];
  const supervisor = spawn(process.execPath, ["--max-semi-space-size=8", ...profile, MAIN, "supervise"], {
    stdio: ["ignore", "ignore", "pipe"],
    env: {
      PATH: process.env["PATH"],
      HOME: home,
      // As the launcher has it.
      NODE_COMPILE_CACHE: path.join(ROOT, "node_modules/.cache/whiskers"),
      WHISKERS_HOME: home,
      WHISKERS_NORMALIZERS: path.join(ROOT, "bench/normalizer"),
      WHISKERS_SLOTS: String(bench.slots),
      WHISKERS_STATE: bench.state,
      WHISKERS_RUNTIME: bench.runtime,
      ...(bench.databaseUrl === null ? {} : { DATABASE_URL: bench.databaseUrl }),
      ...settings,
    },
  });
  try {
    let delivered = 0;
    const first = Math.floor(bench.tasks * WARM_UP);
    let startedMs = 0;
    let startedCpuMs = 0;
    for await (const line of createInterface(supervisor.stderr)) {
      if (!line.includes('"msg":"delivered"')) {
        if (/"level":"(?:warn|error)"/u.test(line) || !line.startsWith("{"))
          process.stderr.write(`${line}\n`);
        continue;
      }
      delivered += 1;
      if (delivered === first) {
        startedMs = performance.now();
        startedCpuMs = cpuMsOf(supervisor.pid);
      }
      if (delivered === bench.tasks) break;
    }
    const tasks = bench.tasks - first;
    const figures = {
      tasks,
      tasksPerSecond: tasks / ((performance.now() - startedMs) / 1000),
      cpuMsPerTask: (cpuMsOf(supervisor.pid) - startedCpuMs) / tasks,
      peakMemoryBytes: peakMemoryOf(supervisor.pid),
    };
    const ended = once(supervisor, "exit");
    supervisor.stderr.resume();
    supervisor.kill("SIGTERM");
    await Promise.race([ended, sleep(10_000)]);
    return figures;
  } finally {
    supervisor.kill("SIGKILL");
    mock.kill("SIGKILL");
    rmSync(home, { recursive: true, force: true });
  }
}

function cpuMsOf(pid: number | undefined): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return ((Number(fields[11]) + Number(fields[12])) * 1000) / TICKS_PER_SECOND;
}

function peakMemoryOf(pid: number | undefined): number {
  const found = /^VmHWM:\s+(?<kib>\d+) kB$/mu.exec(readFileSync(`/proc/${pid}/status`, "utf8"));
  return Number(found?.groups?.["kib"] ?? 0) * 1024;
}

if (process.argv[1] === import.meta.filename) {
  const { values } = parseArgs({
    options: {
      tasks: { type: "string", default: "2000" },
      state: { type: "string", default: "reuse" },
      slots: { type: "string", default: "4" },
      runtime: { type: "string", default: "auto" },
      database: { type: "string" },
      profile: { type: "string" },
    },
  });
  const figures = await measureSupervise({
    tasks: Number(values.tasks),
    state: values.state,
    slots: Number(values.slots),
    runtime: values.runtime,
    databaseUrl: values.database ?? null,
    profileFolder: values.profile ?? null,
  });
  process.stdout.write(`${JSON.stringify(figures)}\n`);
}
