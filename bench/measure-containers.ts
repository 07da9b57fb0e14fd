import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

import type { Driver } from "../src/sandbox/driver.ts";
import { createDockerDriver } from "../src/sandbox/drivers/docker/create-docker-driver.ts";
import { createOciDriver } from "../src/sandbox/drivers/oci/create-oci-driver.ts";
import { startDockerEngine, whyNoDockerEngine } from "../test/fixtures/docker-engine.ts";
import type { DockerEngine } from "../test/fixtures/docker-engine.ts";
import { type Measured, measureOverhead, type OverheadRow } from "./measure-overhead.ts";
import type { Verdict } from "./promises.ts";

export interface ContainerFigures {
  readonly versions: Readonly<Record<string, string>>;
  readonly rows: readonly OverheadRow[];
  readonly verdicts: readonly Verdict[];
}

/** Of the machine, for both of the bare ways: what a Python needs. */
const SHOWN = ["/usr", "/lib", "/lib64"];
const ANSWER = "import sys; sys.stdout.write('ready\\n'); sys.stdout.flush(); sys.stdin.read()";
const STARTS = 3;

/**
 * Containers of every runtime that is here, beside `docker run` and `runsc run` of the same interpreter that does nothing
 * but answer: all in the same rounds, until the first answer.
 */
export async function measureContainers(options: {
  readonly python: string;
  readonly home: string;
  readonly rounds: number;
  readonly runs: number;
}): Promise<ContainerFigures> {
  const folder = mkdtempSync(join(tmpdir(), "whiskers-bench-containers-"));
  const engine = whyNoDockerEngine() === undefined ? await startDockerEngine() : null;
  try {
    const drivers = driversFor(options, engine);
    const versions: Record<string, string> = {};
    for (const driver of drivers) {
      const probe = await driver.probe();
      versions[driver.name] = probe.available ? probe.version : `not here: ${probe.reason}`;
    }
    const platform = /\((?<platform>\w+)\)$/u.exec(versions["oci (runsc)"] ?? "")?.groups?.["platform"];
    const beside = [
      ...(engine === null ? [] : [dockerRun(engine, options.python)]),
      ...(platform === undefined ? [] : [runscRun(folder, platform, options.python)]),
    ];
    const rows = await measureOverhead({ ...options, drivers, languages: ["python"], beside });
    return { versions, rows, verdicts: judge(rows) };
  } finally {
    await engine?.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

function driversFor(
  { home, python }: { readonly home: string; readonly python: string },
  engine: DockerEngine | null,
): readonly Driver[] {
  const common = {
    stateDirectory: join(home, "state"),
    sdkFolder: resolve(import.meta.dirname, "../sdk"),
    python,
  };
  const docker = { ...common, host: `unix://${engine?.socket}` };
  return [
    createOciDriver({ ...common, runtime: "runc", name: "oci (runc)" }),
    createOciDriver({ ...common, runtime: "runsc", name: "oci (runsc)" }),
    ...(engine === null
      ? []
      : [
          createDockerDriver({ ...docker, runtime: "runc", name: "docker (runc)" }),
          createDockerDriver({ ...docker, runtime: "runsc", name: "docker (runsc)" }),
        ]),
  ];
}

const DOCKER_RUN = "docker run";
const RUNSC_RUN = "runsc run";

/** An empty image: the interpreter is the machine's, as with our own. */
function dockerRun({ socket }: DockerEngine, python: string): Measured {
  const engine = ["--host", `unix://${socket}`];
  const image = execFileSync("docker", [...engine, "import", "-"], {
    input: Buffer.alloc(10_240),
    encoding: "utf8",
  });
  const mounts = SHOWN.flatMap((shown) => ["--volume", `${shown}:${shown}:ro`]);
  const args = [...engine, "run", "--rm", "--interactive", "--network=none", ...mounts, image.trim(), python];
  return bareStart(DOCKER_RUN, () => ["docker", ...args, "-S", "-c", ANSWER]);
}

function runscRun(folder: string, platform: string, python: string): Measured {
  const bundle = join(folder, "bundle");
  for (const made of [...SHOWN, "/proc"]) mkdirSync(join(bundle, "rootfs", made), { recursive: true });
  const binds = SHOWN.map((shown) => ({
    destination: shown,
    type: "bind",
    source: shown,
    options: ["bind", "ro"],
  }));
  const config = {
    ociVersion: "1.0.2",
    root: { path: "rootfs", readonly: true },
    process: { user: { uid: 1000, gid: 1000 }, args: [python, "-S", "-c", ANSWER], env: [], cwd: "/" },
    mounts: [{ destination: "/proc", type: "proc", source: "proc" }, ...binds],
    linux: { namespaces: ["pid", "network", "ipc", "uts", "mount"].map((type) => ({ type })) },
  };
  writeFileSync(join(bundle, "config.json"), JSON.stringify(config));
  const flags = [
    "--root",
    join(folder, "records"),
    "--network=none",
    "--ignore-cgroups",
    `--platform=${platform}`,
  ];
  let count = 0;
  return bareStart(RUNSC_RUN, () => ["runsc", ...flags, "run", "--bundle", bundle, `bench${(count += 1)}`]);
}

/** Until the interpreter answers. */
function bareStart(runtime: string, argvOf: () => readonly string[]): Measured {
  return {
    row: { language: "python", runtime, how: "cold start" },
    measure: async () => {
      const values: number[] = [];
      for (let start = 0; start < STARTS; start += 1) {
        const [program = "", ...args] = argvOf();
        const startedMs = performance.now();
        const child = spawn(program, args, { stdio: ["pipe", "pipe", "inherit"] });
        const ended = once(child, "exit");
        const [answer] = (await Promise.race([once(child.stdout, "data"), ended])) as readonly unknown[];
        if (String(answer) !== "ready\n") throw new Error(`${runtime} did not answer: ${String(answer)}`);
        values.push(performance.now() - startedMs);
        child.stdin.end();
        await ended;
      }
      return values;
    },
  };
}

/** What containers are to reach; no promise before it was measured on a quiet machine. */
function judge(rows: readonly OverheadRow[]): readonly Verdict[] {
  const p50 = (runtime: string, how: string): number | null =>
    rows.find((row) => row.runtime === runtime && row.how === how)?.ms.p50 ?? null;
  const verdicts: Verdict[] = [];
  for (const [runtime, beside, times] of [
    ["oci (runc)", DOCKER_RUN, 0.25],
    ["oci (runsc)", RUNSC_RUN, 1.25],
    ["docker (runc)", DOCKER_RUN, 1.1],
  ] as const) {
    const [ours, theirs] = [p50(runtime, "cold start"), p50(beside, "cold start")];
    if (ours === null || theirs === null) continue;
    verdicts.push({
      promise: `a cold start in ${runtime} takes at most ${times} times \`${beside}\``,
      measured: `${(ours / theirs).toFixed(2)} times (${ours.toFixed(0)} ms, ${theirs.toFixed(0)} ms)`,
      kept: ours / theirs <= times,
    });
  }
  for (const [how, limitMs] of [
    ["reuse", 2],
    ["fork", 5],
  ] as const) {
    for (const { runtime, ms } of rows.filter((row) => row.how === how && row.runtime.includes("("))) {
      verdicts.push({
        promise: `a run under ${how} in ${runtime} takes at most ${limitMs} ms`,
        measured: `${ms.p50.toFixed(2)} ms`,
        kept: ms.p50 <= limitMs,
      });
    }
  }
  return verdicts;
}
