import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

import { type Distribution, distributionOf } from "../src/bench/distribution.ts";
import { timeForRounds } from "../src/bench/measure-ways.ts";
import { type DockerEngine, startDockerEngine, whyNoDockerEngine } from "../test/fixtures/docker-engine.ts";
import { measureSupervise, type SuperviseBench, type SuperviseFigures } from "./measure-supervise.ts";

/** `whiskers supervise` at work in one way. */
export interface PipelineCase {
  /** Of a result file's measurement: letters, digits and dashes. */
  readonly name: string;
  readonly tasks: number;
  readonly state: SuperviseBench["state"];
  /** Of each supervisor. */
  readonly slots: number;
  readonly supervisors?: number;
  readonly runtime?: string;
  readonly rawBytes?: number;
  readonly objects?: number;
  /** Normalizers that the supervisor knows; the tasks are those of the first `used`. */
  readonly packages?: number;
  readonly used?: number;
  readonly behind?: number;
}

export interface PipelineRow extends PipelineCase {
  readonly tasksPerSecond: Distribution;
  readonly objectsPerSecond: Distribution;
  readonly rawBytesPerSecond: Distribution;
  /** Processor time of each task, user and system. */
  readonly supervisorCpuMs: Distribution;
  readonly sandboxesCpuMs: Distribution;
  readonly databaseCpuMs: Distribution;
  readonly servicesCpuMs: Distribution;
  /** Of the supervisor, the database and OpenKAT's services: all but the normalizers themselves. */
  readonly allButSandboxesCpuMs: Distribution;
}

const SMALL_RAW_BYTES = 1000;

/** What the issue of speed compares: slots, supervisors, raw size, objects, runtimes. */
export function pipelineCases(quick: boolean): readonly PipelineCase[] {
  const tasks = quick ? 300 : 1200;
  const few = (most: number): number => (quick ? Math.ceil(most / 4) : most);
  return [
    ...[1, 2, 4, 8].map((slots) => ({ name: `reuse-${slots}-slots`, tasks, state: "reuse", slots }) as const),
    { name: "fork-4-slots", tasks: few(800), state: "fork", slots: 4 },
    // Sharing the slots of one, and as whoever starts the same once more has it.
    ...[2, 4].flatMap((slots) => [
      { name: `reuse-2-supervisors-${slots}-slots`, tasks, state: "reuse", slots, supervisors: 2 } as const,
      {
        name: `fork-2-supervisors-${slots}-slots`,
        tasks: few(800),
        state: "fork",
        slots,
        supervisors: 2,
      } as const,
    ]),
    { name: "raw-1-MB", tasks: few(200), state: "reuse", slots: 4, rawBytes: 1e6 },
    { name: "raw-100-MB", tasks: few(8), state: "reuse", slots: 2, rawBytes: 1e8 },
    { name: "objects-1", tasks, state: "reuse", slots: 4, objects: 1 },
    { name: "objects-100", tasks: few(600), state: "reuse", slots: 4, objects: 100 },
    { name: "objects-100000", tasks: few(8), state: "reuse", slots: 2, objects: 100_000 },
    ...["subprocess:util-linux", "oci:runc", "oci:runsc", "docker:runc", "inline"].map(
      (runtime) =>
        ({
          name: runtime.replace(":", "-"),
          tasks: few(600),
          state: "reuse",
          slots: 4,
          runtime,
        }) as const,
    ),
  ];
}

/** Every case once in each round. */
export async function measurePipeline(
  cases: readonly PipelineCase[],
  rounds: number,
  onProgress: (done: number, total: number, name: string) => void,
  mostMs: number | undefined,
): Promise<readonly PipelineRow[]> {
  const folder = mkdtempSync(path.join(tmpdir(), "whiskers-bench-pipeline-"));
  const needsDocker = cases.some(({ runtime }) => runtime?.startsWith("docker"));
  const engine = needsDocker && whyNoDockerEngine() === undefined ? await startDockerEngine() : null;
  const measured = new Map<PipelineCase, SuperviseFigures[]>(cases.map((one) => [one, []]));
  try {
    const isTime = timeForRounds(mostMs);
    for (let round = 0; round < rounds && isTime(); round += 1) {
      for (const [number, one] of cases.entries()) {
        onProgress(round * cases.length + number, rounds * cases.length, one.name);
        measured.get(one)?.push(await measureSupervise(benchOf(one, folder, engine)));
      }
    }
  } finally {
    await engine?.close();
    rmSync(folder, { recursive: true, force: true });
  }
  return cases.map((one) => rowOf(one, measured.get(one) ?? []));
}

/** Writes what the case needs into the folder. */
function benchOf(one: PipelineCase, folder: string, engine: DockerEngine | null): SuperviseBench {
  const { tasks, state, slots, supervisors = 1, runtime, packages = 1, used = 1, behind = 0 } = one;
  const { objects = 3, rawBytes = SMALL_RAW_BYTES } = one;
  const raw = path.join(folder, `raw-${objects}-${rawBytes}`);
  writeFileSync(raw, `${objects} `.padEnd(rawBytes, "x"));
  const normalizers = path.join(folder, `normalizers-${packages}`);
  for (let number = 0; number < packages; number += 1) {
    const home = path.join(normalizers, nameOf(number));
    mkdirSync(home, { recursive: true });
    writeFileSync(path.join(home, "normalize.py"), NORMALIZER);
    const manifest = {
      id: nameOf(number),
      name: "Gives as many objects as it is told",
      environment: "python",
      entrypoint: "normalize",
    };
    writeFileSync(path.join(home, "normalizer.json"), JSON.stringify(manifest));
  }
  return {
    tasks,
    // Each has code of its own to compile.
    warmUp: supervisors * Math.max(2 * slots, Math.min(200, Math.ceil(tasks / 4))),
    state,
    slots,
    supervisors,
    behind,
    database: "server",
    normalizer: normalizers,
    ids: Array.from({ length: used }, (_, number) => nameOf(number)),
    raw: `@${raw}`,
    env: {
      ...(runtime === undefined ? {} : { WHISKERS_RUNTIME: runtime }),
      ...(engine === null ? {} : { WHISKERS_DOCKER_HOST: `unix://${engine.socket}` }),
    },
  };
}

function nameOf(number: number): string {
  return `bench-${number}`;
}

/** What is left of the raw file after its first word is ballast. */
const NORMALIZER = `def run(meta, raw):
    yield {"object_type": "Network", "name": "internet"}
    for number in range(int(raw[:16].split()[0]) - 1):
        yield {"object_type": "Hostname", "network": "Network|internet", "name": "host-%d.example.com" % number}
`;

function rowOf(one: PipelineCase, rounds: readonly SuperviseFigures[]): PipelineRow {
  const of = (value: (figures: SuperviseFigures) => number): Distribution =>
    distributionOf(rounds.map((figures) => [value(figures)]));
  const { objects = 3, rawBytes = SMALL_RAW_BYTES } = one;
  return {
    ...one,
    tasksPerSecond: of(({ tasksPerSecond }) => tasksPerSecond),
    objectsPerSecond: of(({ tasksPerSecond }) => tasksPerSecond * objects),
    rawBytesPerSecond: of(({ tasksPerSecond }) => tasksPerSecond * rawBytes),
    supervisorCpuMs: of(({ cpuMsPerTask }) => cpuMsPerTask.supervisor),
    sandboxesCpuMs: of(({ cpuMsPerTask }) => cpuMsPerTask.sandboxes),
    databaseCpuMs: of(({ cpuMsPerTask }) => cpuMsPerTask.database),
    servicesCpuMs: of(({ cpuMsPerTask }) => cpuMsPerTask.services),
    allButSandboxesCpuMs: of(
      ({ cpuMsPerTask: { supervisor, database, services } }) => supervisor + database + services,
    ),
  };
}
