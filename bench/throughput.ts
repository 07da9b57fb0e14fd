/**
 * Where the pipeline's time goes: `node bench/throughput.ts objects|memory|hand-over|second|cached|profile|large-profile [--rounds N] [--tasks N] [--save]
 * [--svg FILE]`.
 *
 * - `objects`: outputs of 100,000 objects, through to mock-openkat
 * - `memory`: the most that is resident, by slots and by objects of an output
 * - `hand-over`: a raw file of 100 MB to a guest, beside what a task of one costs in all
 * - `second`: one supervisor and two on the same two cores, in turns
 * - `cached`: a normalizer under fork, run and taken from the cache, in turns
 * - `profile`, `large-profile`: which functions of the supervisor the processor's time goes to
 *
 * All with PostgreSQL and mock-openkat in processes of their own. Of several rounds the fastest counts: what else the machine
 * does only slows them. `--save` keeps figures in bench/results, for documents to quote; `--svg` draws
 * the phases of a large output's task.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";

import { openStages } from "../src/cli/open-stages.ts";
import { readSettings } from "../src/config/settings.ts";
import { type LargeRaw, measureLargeRaw } from "./measure-large-raw.ts";
import { measureSupervise, type SuperviseBench, type SuperviseFigures } from "./measure-supervise.ts";
import { phasesChart } from "./phases-chart.ts";
import { saveResult } from "./save-result.ts";
import { summariseProfile } from "./summarise-profile.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: "string", default: "2" },
    // Small ones, in one round.
    tasks: { type: "string", default: "1500" },
    save: { type: "boolean", default: false },
    svg: { type: "string" },
  },
});

const OBJECTS = 100_000;
const normalizer = (name: string): string => path.join(import.meta.dirname, name);

const SMALL: SuperviseBench = {
  tasks: Number(values.tasks),
  warmUp: 200,
  state: "reuse",
  slots: 4,
  database: "server",
};
const LARGE: SuperviseBench = {
  // Some are under way already when it begins: many, so that this does not count.
  tasks: 24,
  warmUp: 2,
  state: "reuse",
  slots: 2,
  database: "server",
  normalizer: normalizer("normalizer-many"),
  raw: `${OBJECTS}\n`,
};
const MEMORY = [
  [2, OBJECTS],
  [8, OBJECTS],
  [2, 3 * OBJECTS],
] as const;
const KEPT: SuperviseBench = {
  ...SMALL,
  tasks: 800,
  state: "fork",
  normalizer: normalizer("normalizer-kept"),
};

const rounds = Number(values.rounds);

for (const what of positionals) await measure(what);

async function measure(what: string): Promise<void> {
  switch (what) {
    case "objects": {
      const [large] = await inTurns([LARGE]);
      if (large === undefined) return;
      if (values.svg !== undefined) writeFileSync(values.svg, phasesChart(large.phasesMs ?? {}));
      tell("objects-100000", { ...large, objectsPerSecond: large.tasksPerSecond * OBJECTS });
      return;
    }
    case "memory": {
      // The most of all rounds: what it may take is what counts.
      for (const [slots, objects] of MEMORY) {
        const bench = { ...LARGE, slots, warmUp: 2, tasks: objects > OBJECTS ? 5 : 14, raw: `${objects}\n` };
        let peakBytes = 0;
        for (let round = 0; round < rounds; round += 1)
          peakBytes = Math.max(peakBytes, (await measureSupervise(bench)).memory.peakBytes);
        tell(`memory-${objects}-${slots}-slots`, {
          slots,
          objects,
          outputBytes: outputBytesOf(objects),
          peakBytes,
        });
      }
      return;
    }
    case "hand-over": {
      const home = mkdtempSync(path.join(tmpdir(), "whiskers-bench-home-"));
      const settings = readSettings({ WHISKERS_HOME: home });
      await using stages = openStages(settings, () => Promise.reject(new Error("nothing is fetched")));
      const measured: LargeRaw[] = [];
      for (let round = 0; round < rounds; round += 1) {
        const drivers = stages.runtimes.drivers.slice(0, 1);
        measured.push(await measureLargeRaw({ drivers, home, megabytes: 100 }));
      }
      rmSync(home, { recursive: true });
      // What else the machine does only adds to it.
      const [least] = measured.toSorted((a, b) => a.hostCpuMs - b.hostCpuMs);
      tell("hand-over-100-MB", least ?? {});
      return;
    }
    case "second": {
      const [one, two] = await inTurns([SMALL, { ...SMALL, supervisors: 2 }]);
      tell("supervisors", { one, two, ratio: ratioOf(two, one) });
      return;
    }
    case "cached": {
      const cached = { ...KEPT, env: { WHISKERS_CACHE_SIZE: "1G" } };
      const [run, kept] = await inTurns([KEPT, cached]);
      tell("cache", { run, kept, ratio: ratioOf(kept, run) });
      return;
    }
    case "profile":
      tell("profile-small", await profile(SMALL));
      return;
    case "large-profile":
      tell("profile-objects-100000", await profile(LARGE));
      return;
    default:
      throw new Error(`nothing is measured as ${what}`);
  }
}

/** As it is stored: text of the objects that `normalizer-many` gives. */
function outputBytesOf(objects: number): number {
  const name = `host-${objects - 1}.example.com`;
  const object = {
    object_type: "Hostname",
    primary_key: `Hostname|internet|${name}`,
    network: "Network|internet",
    name,
    dns_zone: null,
    registered_domain: null,
  };
  return objects * (JSON.stringify(object).length + 1);
}

/** The fastest round of each. */
async function inTurns(benches: readonly SuperviseBench[]): Promise<readonly SuperviseFigures[]> {
  const figures: SuperviseFigures[][] = benches.map(() => []);
  for (let round = 0; round < rounds; round += 1) {
    for (const [index, bench] of benches.entries()) figures[index]?.push(await measureSupervise(bench));
  }
  return figures.flatMap((each) => each.toSorted((a, b) => b.tasksPerSecond - a.tasksPerSecond).slice(0, 1));
}

function ratioOf(a: SuperviseFigures | undefined, b: SuperviseFigures | undefined): number {
  return (a?.tasksPerSecond ?? 0) / (b?.tasksPerSecond ?? 1);
}

async function profile(bench: SuperviseBench): Promise<object> {
  const profileFolder = mkdtempSync(path.join(tmpdir(), "whiskers-profile-"));
  try {
    await measureSupervise({ ...bench, profileFolder });
    return summariseProfile(profileFolder);
  } finally {
    rmSync(profileFolder, { recursive: true });
  }
}

function tell(name: string, figures: object): void {
  process.stdout.write(`${JSON.stringify({ [name]: figures }, null, 1)}\n`);
  if (values.save) saveResult("throughput", name, figures);
}
