import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, readdirSync, renameSync, writeFileSync } from "node:fs";
import { release } from "node:os";
import path from "node:path";
import { after, before, describe, it } from "node:test";

import type { Limits } from "../../src/domain/limits.ts";
import type { ProtectionName } from "../../src/domain/outcome.ts";
import type { Root, StatePolicy } from "../../src/domain/package.ts";
import type { Driver } from "../../src/sandbox/driver.ts";
import { openSandboxes } from "../../src/sandbox/sandboxes.ts";
import type { Sandboxes } from "../../src/sandbox/sandboxes.ts";
import { eventually } from "../fixtures/eventually.ts";
import { ATTACK_LIMITS, whyNot } from "./attack.ts";
import type { Attack } from "./attack.ts";
import { makeAttackPackage } from "./attack-package.ts";
import { ATTACKS } from "./attacks.ts";
import { makeHostileRoot } from "./hostile-root.ts";
import { openHostTargets } from "./host-targets.ts";
import type { HostTargets } from "./host-targets.ts";
import { inOrder } from "./isolation-table.ts";
import type { IsolationReport } from "./isolation-table.ts";
import { isLate, judgeAttack, LateError } from "./judge-attack.ts";
import { forget, leftovers, observe } from "./observed-driver.ts";
import type { ObservedDriver } from "./observed-driver.ts";
import { showsWeakness, withWeakness } from "./weaknesses.ts";
import type { Weakness, Weaknesses } from "./weaknesses.ts";
import { KeepingSink, metaOf, runAttack, writeRaw } from "./run-attack.ts";
import type { AttackRun } from "./run-attack.ts";

/** Attacks at a time, unless a driver's start costs more. */
const CONCURRENCY = 3;
/** What the benign run beside every attack may take, warm, milliseconds: it takes about 5. */
const BYSTANDER_MAX_MS = 2000;
const BYSTANDER_PAUSE_MS = 150;
/** What ends after a sandbox was closed, milliseconds. */
const ENDING_MS = 500;
/** Above what this process used before the attacks: a flood must not fill the host's memory. */
const HOST_MEMORY_MAX_BYTES = 400 * 1024 * 1024;

export interface HostileSuiteOptions {
  /** False for a driver whose guests have a kernel of their own. */
  readonly sharesKernel: boolean;
  /** Attacks at a time. */
  readonly concurrency?: number | undefined;
  /** What the guests run on; default what the machine has. */
  readonly root?: Root | null | undefined;
  /** Why the driver cannot be tried on this machine. */
  readonly skip?: string | undefined;
  /** Names of attacks; all when not given. */
  readonly only?: readonly string[] | undefined;
  /** What is known not to be held as elsewhere: weaknesses.ts. */
  readonly weaknesses?: Weaknesses | undefined;
  /** What JavaScript guests run on; default what the machine has. */
  readonly javascriptRoot?: Root | null | undefined;
  readonly slow?: Slow | undefined;
}

/** For what starts, works and ends slowly. */
export interface Slow {
  /** What a start may take, milliseconds. */
  readonly startMs: number;
  /** What a run may take over its limits, milliseconds. */
  readonly overMs: number;
  /** How many times its limit a run is given, unless it has to end by that limit, and a start of its own. 1 when not given. */
  readonly wallFactor?: number;
  /** What the run beside an attack may take, milliseconds. */
  readonly bystanderMs?: number;
  /** Between two such runs. */
  readonly bystanderPauseMs?: number;
}

/** How one attack ended under one state policy; what docs/isolation.md is made of. */
export interface AttackResult {
  readonly attack: string;
  readonly state: StatePolicy;
  readonly result: "held" | "weaker" | "failed" | "skipped";
  /** Why it was skipped or failed; how it ended when it was held; which weakness of the runtime let it get further. */
  readonly detail: string;
}

/**
 * Registers the hostile suite for one driver: every attack under every of its state policies, with an
 * honest run beside it. With WHISKERS_ISOLATION_REPORTS set, writes an IsolationReport into that folder.
 */
export function hostileSuite(
  name: string,
  makeDriver: (stateDirectory: string) => Driver,
  options: HostileSuiteOptions,
): void {
  const results: AttackResult[] = [];
  const { skip = false } = options;
  describe(`hostile guests in ${name}`, { concurrency: options.concurrency ?? CONCURRENCY, skip }, () => {
    let stage: Stage;
    before(async () => {
      stage = await openStage(makeDriver, options);
    });
    const folder = process.env["WHISKERS_ISOLATION_REPORTS"];
    const file = path.join(folder ?? "/nonexistent", `${name}.json`);
    after(async () => {
      await stage.close().catch((error: unknown) => {
        // Something was left behind, by nobody knows whom: what was held may not have been.
        if (existsSync(file)) renameSync(file, `${file}.not-closed`);
        throw error;
      });
    });
    for (const attack of ATTACKS) {
      if (options.only !== undefined && !options.only.includes(attack.name)) continue;
      for (const state of attack.states ?? ["fresh"]) {
        it(`${attack.name} (${state})`, async (t) => {
          // At once: what comes after it may take an hour, and be interrupted.
          const note = async (result: AttackResult["result"], detail: string): Promise<void> => {
            results.push({ attack: attack.name, state, result, detail });
            if (folder !== undefined) await writeReport(file, name, stage.driver, results);
          };
          const reason = whySkipped(attack, state, stage, options);
          if (reason !== null) {
            await note("skipped", reason);
            t.skip(reason);
            return;
          }
          const weakness = options.weaknesses?.[attack.name];
          try {
            const attempt = (): Promise<Tried> => tryAttack(attack, state, stage, weakness, options.slow);
            const { endings, isWeaker } = await attempt().catch((error: unknown) => {
              if (!isLate(error)) throw error;
              t.diagnostic(`${attack.name} (${state}) is tried again: ${String(error)}`);
              return attempt();
            });
            if (weakness !== undefined && isWeaker) await note("weaker", weakness.why);
            else await note("held", endings.join(", then "));
          } catch (error) {
            await note("failed", error instanceof Error ? error.message : String(error));
            throw error;
          }
        });
      }
    }
  });
}

interface Stage {
  readonly driver: ObservedDriver;
  readonly targets: HostTargets;
  readonly rootFor: (attack: string) => Root | null;
  readonly honest: HonestRuns;
  readonly memoryBefore: number;
  readonly kernelCountsMemory: boolean;
  close(): Promise<void>;
}

async function openStage(
  makeDriver: (stateDirectory: string) => Driver,
  { root = null, javascriptRoot = null, slow }: HostileSuiteOptions,
): Promise<Stage> {
  const targets = await openHostTargets();
  const mountsBefore = ourMounts();
  const watched = observe(makeDriver(path.join(targets.folder, "state")));
  const sandboxes = openSandboxes({ drivers: [watched] });
  const honest = new HonestRuns(sandboxes, watched, targets, root, slow);
  await honest.run();
  return {
    driver: watched,
    targets,
    rootFor: (name) => (guestKindOf(name) === "javascript" ? javascriptRoot : root),
    honest,
    memoryBefore: process.memoryUsage.rss(),
    kernelCountsMemory: !(await protectionOf(watched, "memory-limit")).includes("watchdog"),
    close: async () => {
      try {
        await sandboxes.close();
        assert.deepEqual(await whatStays(() => watched.opened.flatMap(leftovers)), []);
        for (const one of watched.opened) forget(one);
        // Others unmount theirs meanwhile.
        const left = newMounts(mountsBefore);
        assert.deepEqual(left, [], "mounts were left behind");
        const ours = /^(?:packages|roots|raw-.*|socket|state|whiskers-test-.*)$/;
        const files = readdirSync(targets.folder).filter((file) => !ours.test(file));
        assert.deepEqual(files, [], "files in TMPDIR were left behind");
      } finally {
        await targets.close();
      }
    },
  };
}

interface Tried {
  readonly endings: readonly string[];
  /** It got as far as the weakness lets it. */
  readonly isWeaker: boolean;
}

async function tryAttack(
  attack: Attack,
  state: StatePolicy,
  stage: Stage,
  weakness: Weakness | undefined,
  slow: Slow | undefined,
): Promise<Tried> {
  const { driver, targets, honest } = stage;
  const limits = limitsOf(attack, slow);
  const root =
    attack.root === undefined ? stage.rootFor(attack.name) : await makeHostileRoot(attack.root, targets);
  const pkg = makeAttackPackage(attack.name, targets, root);
  const sandboxes = openSandboxes({ drivers: [driver] });
  const over = new AbortController();
  const troubles: unknown[] = [];
  const note = (error: unknown): void => void troubles.push(error);
  const beside = honest.runUntil(over.signal).catch(note);
  const runs: AttackRun[] = [];
  try {
    const options = { runtime: driver.name, state, limits };
    // Has no part in the time that a run may take.
    await driver.prepare(pkg);
    runs.push(await runAttack(sandboxes, pkg, options, targets, 1, attack.rawBytes));
    if (attack.secondEnds !== undefined) runs.push(await runAttack(sandboxes, pkg, options, targets, 2));
    judgeAttack(withWeakness(attack, weakness), runs, limits, targets, slow?.overMs);
  } catch (error) {
    note(error);
  }
  over.abort();
  await sandboxes.close();
  await beside;
  try {
    await judgeHost(pkg.folder, stage);
  } catch (error) {
    note(error);
  }
  if (troubles.length === 1) throw troubles[0];
  if (troubles.length > 1) throw new AggregateError(troubles, troubles.map(String).join("\n"));
  const evidence = runs.map((run) => run.evidence);
  return {
    endings: evidence.map(({ ending }) => ending),
    isWeaker: weakness !== undefined && evidence.some((one) => showsWeakness(one, weakness)),
  };
}

/** What has to end by its time limit does so everywhere; everything else gets as much done as elsewhere. */
function limitsOf({ limits, ends }: Attack, slow: Slow | undefined): Limits {
  const startMs = slow?.startMs ?? ATTACK_LIMITS.startMs;
  const wanted: Limits = { ...ATTACK_LIMITS, startMs, ...limits };
  const times = slow?.wallFactor ?? 1;
  const isEndless = ends[0] === "time-limit" && ends.every((end) => end.endsWith("-limit"));
  const factor = isEndless ? 1 : times;
  return {
    ...wanted,
    wallMs: wanted.wallMs * factor,
    // In it the sandbox has to be started all the same.
    startMs: limits?.startMs === undefined ? startMs : limits.startMs * times,
  };
}

/** What is left when the kernel has had a moment: a process that has ended has its number until somebody was told. */
async function whatStays(look: () => readonly string[]): Promise<readonly string[]> {
  await eventually("nothing is left", () => look().length === 0, ENDING_MS).catch(() => {});
  return look();
}

/** What holds after every attack, whatever it was. */
async function judgeHost(folder: string, { driver, targets, memoryBefore }: Stage): Promise<void> {
  const opened = driver.opened.filter((one) => one.folder === folder);
  const left = await whatStays(() => opened.flatMap(leftovers));
  assert.deepEqual(left, [], "it left something behind");
  assert.deepEqual(targets.arrivals, [], "something arrived at the host's listeners");
  assert.ok(targets.bystanderLives(), "the bystander process was ended");
  assert.deepEqual(targets.changedCanaries(), []);
  const grownBytes = process.memoryUsage.rss() - memoryBefore;
  assert.ok(grownBytes < HOST_MEMORY_MAX_BYTES, `the host grew by ${grownBytes} bytes`);
}

/** Runs of a normalizer that does nothing wrong, in a warm sandbox of its own. */
class HonestRuns {
  readonly #sandboxes: Sandboxes;
  readonly #driver: Driver;
  readonly #targets: HostTargets;
  readonly #pkg;
  readonly #mostMs: number;
  readonly #pauseMs: number;
  readonly #startMs: number;
  readonly #lines: readonly string[] = Array.from({ length: 50 }, (_, number) => `line ${number}`);

  constructor(
    sandboxes: Sandboxes,
    driver: Driver,
    targets: HostTargets,
    root: Root | null,
    slow: Slow | undefined,
  ) {
    this.#mostMs = slow?.bystanderMs ?? BYSTANDER_MAX_MS;
    this.#pauseMs = slow?.bystanderPauseMs ?? BYSTANDER_PAUSE_MS;
    this.#startMs = slow?.startMs ?? ATTACK_LIMITS.startMs;
    this.#sandboxes = sandboxes;
    this.#driver = driver;
    this.#targets = targets;
    this.#pkg = makeAttackPackage("bystander", targets, root);
  }

  /** Again and again, at least once, until `over`. @throws AssertionError | LateError it noticed something */
  async runUntil(over: AbortSignal): Promise<void> {
    do {
      const runMs = await this.run();
      if (runMs >= this.#mostMs) throw new LateError(`the run beside it took ${Math.round(runMs)} ms`);
      await new Promise((resolve) => setTimeout(resolve, this.#pauseMs));
    } while (!over.aborted);
  }

  async run(): Promise<number> {
    const raw = writeRaw(this.#targets, this.#lines.join("\n"));
    const sink = new KeepingSink();
    const { outcome, timingsMs, logs } = await this.#sandboxes.run(
      this.#pkg,
      { runtime: this.#driver.name, limits: { startMs: this.#startMs } },
      { meta: metaOf(this.#pkg, raw), raws: [raw] },
      sink,
      new AbortController().signal,
    );
    const said = logs.map(({ message }) => message).join(" / ");
    const failure = `the run beside it failed: ${JSON.stringify(outcome)}; log: ${said.slice(0, 1500)}`;
    assert.equal(outcome.status, "succeeded", failure);
    const wanted = this.#lines.map((line) => ({
      line,
      sha256: createHash("sha256").update(line).digest("hex"),
    }));
    const got = sink.text
      .trim()
      .split("\n")
      .map((line): unknown => JSON.parse(line));
    assert.deepEqual(got, wanted, "the run beside it gave something else");
    return timingsMs.handOver + timingsMs.run;
  }
}

/** What puts a protection in force here; empty: nothing. */
async function protectionOf(driver: Driver, name: ProtectionName): Promise<string> {
  const probe = await driver.probe();
  if (!probe.available) return "";
  return probe.protections.find((one) => one.name === name)?.by ?? "";
}

/** For docs/isolation.md. */
export async function writeReport(
  file: string,
  name: string,
  driver: Driver,
  results: readonly AttackResult[],
): Promise<void> {
  const probe = await driver.probe();
  const report: IsolationReport = {
    driver: name,
    version: probe.available ? probe.version : "",
    // Without what a distributor adds.
    kernel: release().split("-", 1)[0] ?? "",
    protections: probe.available
      ? probe.protections.filter((one) => one.by !== null).map((one) => one.name)
      : [],
    results: inOrder(results),
  };
  writeFileSync(file, JSON.stringify(report));
}

function whySkipped(
  attack: Attack,
  state: StatePolicy,
  { driver, kernelCountsMemory }: Stage,
  { sharesKernel }: HostileSuiteOptions,
): string | null {
  if (state === "fork" && !driver.capabilities.fork) return "the driver cannot run guests that fork";
  return whyNot(attack, guestKindOf(attack.name), driver.capabilities, kernelCountsMemory, sharesKernel);
}

function guestKindOf(name: string): "python" | "javascript" | "command" {
  if (name.startsWith("plain-")) return "command";
  return name.startsWith("javascript-") ? "javascript" : "python";
}

/** Others on this machine mount and unmount too. */
/** What is mounted where: an engine that mounts its own store anew gives it another number. proc_pid_mountinfo(5) */
function ourMounts(): readonly string[] {
  return readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .filter((line) => line.includes("whiskers"))
    .map((line) => {
      const [here = "", what = ""] = line.split(" - ");
      return [...here.split(" ").slice(3, 5), what].join(" ");
    });
}

function newMounts(mountsBefore: readonly string[]): readonly string[] {
  const known = [...mountsBefore];
  return ourMounts().filter((mount) => {
    const at = known.indexOf(mount);
    if (at >= 0) known.splice(at, 1);
    return at < 0;
  });
}
