import { availableParallelism } from "node:os";
import { basename } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

import type { Package, StatePolicy } from "../domain/package.ts";
import { WhiskersError } from "../errors.ts";
import type { Driver } from "../sandbox/driver.ts";
import { openSandboxes, type Sandboxes } from "../sandbox/sandboxes.ts";
import { DiscardingSink } from "./discarding-sink.ts";
import { listProcesses, newBytesSince } from "./new-processes.ts";
import type { Subject } from "./subject.ts";
import { runFor, type Way, type WayName } from "./way.ts";

/** Until a guest that did its run is at rest, milliseconds. */
const REST_MS = 300;
/** Until it is idle again, and between two looks, milliseconds. */
const READY_AGAIN_MS = 5000;
const LOOK_MS = 20;
/**
 * Until a kernel of gVisor's has set its clock, milliseconds. Before that each look at it is a system call, and guests look
 * at it for each record. A warm sandbox is older.
 */
const CLOCK_MS = 1200;
/** Nothing is closed for want of room while it is measured. */
const POOL = { memoryBudgetBytes: Infinity, maxIdle: 64, idleMs: 3_600_000 };

/** What of a driver is measured. */
interface Measured {
  readonly name: WayName;
  readonly pkg: Package;
  readonly state: StatePolicy;
}

/**
 * Every state policy of a driver that can run the benchmark's normalizers.
 * @param version of what its probe told
 * @param whole in JavaScript, too, and with an interpreter that does nothing
 */
export function sandboxWays(
  driver: Driver,
  version: string,
  subject: Subject,
  whole: boolean,
): readonly Way[] {
  const { capabilities, name: runtime } = driver;
  const measured: Measured[] = [];
  const python = capabilities.needsRoot === true ? subject.pythonOnRoot : subject.python;
  if (python !== null && capabilities.guests.includes("python")) {
    for (const state of ["fresh", "fork", "reuse"] as const) {
      if (state === "fork" && !capabilities.fork) continue;
      measured.push({ name: { runtime, how: state, language: "python" }, pkg: python, state });
    }
  }
  if (whole && capabilities.guests.includes("javascript")) {
    for (const state of ["fresh", "reuse"] as const)
      measured.push({
        name: { runtime, how: state, language: "javascript" },
        pkg: subject.javascript,
        state,
      });
  }
  if (whole && capabilities.isolates && capabilities.guests.includes("command")) {
    const name = { runtime, how: "bare", language: "python" } as const;
    measured.push({ name, pkg: subject.bare, state: "fresh" });
  }
  return measured.map((one) => sandboxWay(driver, version, one, subject));
}

/** One package in one driver under one policy. Each measurement has sandboxes of its own. */
export function sandboxWay(
  driver: Driver,
  version: string,
  { name, pkg, state }: Measured,
  { raw, meta }: Pick<Subject, "raw" | "meta">,
): Way {
  const probed = withOneProbe(driver);
  const options = { runtime: driver.name, state };
  const run = async (sandboxes: Sandboxes, signal: AbortSignal): Promise<number> => {
    const request = { meta, raws: [raw] };
    const { outcome, timingsMs } = await sandboxes.run(pkg, options, request, new DiscardingSink(), signal);
    if (outcome.status === "succeeded") return timingsMs.open;
    throw new WhiskersError(outcome.code, `${driver.name}, ${pkg.manifest.id}: ${outcome.message}`);
  };
  const inTurn = async <T>(use: (sandboxes: Sandboxes) => Promise<T>): Promise<T> => {
    const sandboxes = openSandboxes({ ...POOL, drivers: [probed] });
    try {
      return await use(sandboxes);
    } finally {
      await sandboxes.close();
    }
  };
  const way: Way = {
    name,
    version,
    runs: (budgetMs, atOnce, signal) =>
      inTurn(async (sandboxes) => {
        // Also `fresh`: what the driver keeps is there, as in a supervisor.
        await Promise.all(Array.from({ length: atOnce }, () => run(sandboxes, signal)));
        if (state !== "fresh" && driver.capabilities.ownKernel === true) await delay(CLOCK_MS);
        return runFor(budgetMs, atOnce, signal, async () => {
          await run(sandboxes, signal);
        });
      }),
  };
  if (state === "fresh") return way;
  return {
    ...way,
    start: (signal) =>
      inTurn(async (sandboxes) => {
        const startedMs = performance.now();
        const readyMs = await run(sandboxes, signal);
        return { answerMs: performance.now() - startedMs, readyMs };
      }),
    idleBytes: (count, signal) =>
      inTurn(async (sandboxes) => {
        const before = listProcesses();
        // Not all at once: some machines take a processor each to start.
        for (let n = 0; n < count; n += availableParallelism())
          await sandboxes.warm(pkg, options, Math.min(count, n + availableParallelism()), signal);
        await Promise.all(Array.from({ length: count }, () => run(sandboxes, signal)));
        // A guest that forks gets ready again after its answer.
        const untilMs = performance.now() + READY_AGAIN_MS;
        while (sandboxes.idle.count !== count && performance.now() < untilMs) await delay(LOOK_MS);
        if (sandboxes.idle.count !== count)
          throw new Error(`${driver.name}: ${sandboxes.idle.count} of ${count} sandboxes are idle`);
        await delay(REST_MS);
        return newBytesSince(before, basename(pkg.folder));
      }),
  };
}

/** Trying a runtime may take longer than starting a sandbox, and is done once by a process. */
function withOneProbe(driver: Driver): Driver {
  let probe: ReturnType<Driver["probe"]> | null = null;
  return {
    name: driver.name,
    get capabilities() {
      return driver.capabilities;
    },
    probe: () => (probe ??= driver.probe()),
    prepare: (pkg) => driver.prepare(pkg),
    open: (prepared, request) => driver.open(prepared, request),
    close: async () => driver.close?.(),
  };
}
