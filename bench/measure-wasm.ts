import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";

import type { Package, StatePolicy } from "../src/domain/package.ts";
import type { Raw } from "../src/domain/raw.ts";
import { openPackage } from "../src/packages/open-package.ts";
import { hashFile } from "../src/raw/hash-file.ts";
import type { Driver } from "../src/sandbox/driver.ts";
import { listTree, proportionalBytesOf } from "../src/sandbox/drivers/process-tree.ts";
import { createSubprocessDriver } from "../src/sandbox/drivers/subprocess/create-subprocess-driver.ts";
import { createWasmDriver } from "../src/sandbox/drivers/wasm/create-wasm-driver.ts";
import { openSandboxes } from "../src/sandbox/sandboxes.ts";
import type { Sandboxes } from "../src/sandbox/sandboxes.ts";
import { benchMeta } from "../src/bench/bench-meta.ts";
import { DiscardingSink } from "../src/bench/discarding-sink.ts";
import { compileBenchPackages } from "./compile-bench-packages.ts";
import { type Distribution, distributionOf } from "../src/bench/distribution.ts";

const NEVER = new AbortController().signal;
const ROOT = path.resolve(import.meta.dirname, "..");
/** Between runs, where there is to be time to make the next instance. */
const PAUSE_MS = 20;
const INSTANCES = 3;

export interface WasmOptions {
  readonly python: string;
  readonly home: string;
  /** Everything is measured once per round, in turn, so that a noisy minute hits all alike. */
  readonly rounds: number;
  readonly runs: number;
}

/** `go, wasm fresh, one after another`, milliseconds from asking to the end of the run. */
export type WasmRows = Readonly<Record<string, Distribution>>;

export interface WasmMemory {
  /** Proportional, of the package's process, with one instance ahead. */
  readonly idleBytes: number;
  /** More of it for each instance, with its thread, that waits for its run. */
  readonly instanceBytes: number;
}

export interface WasmFigures {
  readonly ms: WasmRows;
  readonly memory: Readonly<Record<string, WasmMemory>>;
  /** Languages that could not be compiled here, and why. */
  readonly missing: Readonly<Record<string, string>>;
}

/**
 * The normalizers of `whiskers new` as WebAssembly, a fresh instance for each run, beside Python of the `subprocess`
 * runtime: 4 kB in, about 200 objects out.
 */
export async function measureWasm(options: WasmOptions): Promise<WasmFigures> {
  const folder = mkdtempSync(path.join(tmpdir(), "whiskers-bench-wasm-"));
  const drivers = driversFor(options);
  const sandboxes = openSandboxes({ drivers });
  try {
    const { packages: compiled, missing } = await compileBenchPackages(folder, options.home);
    const python = await openPackage(path.join(ROOT, "templates/python"), { home: options.home });
    const packages = new Map([...compiled, ["python", python] as const]);
    const raw = await rawIn(folder);
    const ways = [...packages].flatMap(([language, pkg]) => waysOf(language, pkg));
    const values = new Map(ways.map(({ name }) => [name, [] as (readonly number[])[]]));
    for (let round = 0; round < options.rounds; round += 1) {
      for (const way of ways) {
        values.get(way.name)?.push(await timesOf(way, options.runs, raw, sandboxes));
      }
    }
    const ms = Object.fromEntries([...values].map(([name, times]) => [name, distributionOf(times)]));
    const memory: Record<string, WasmMemory> = {};
    for (const [language, pkg] of packages) {
      if (pkg.manifest.guest.kind === "wasm") memory[language] = await memoryOf(pkg, raw, options);
    }
    return { ms, memory, missing };
  } finally {
    await sandboxes.close();
    rmSync(folder, { recursive: true });
  }
}

function driversFor({ home, python }: Pick<WasmOptions, "home" | "python">): readonly Driver[] {
  const common = { stateDirectory: path.join(home, "state"), sdkFolder: path.join(ROOT, "sdk"), python };
  return [createWasmDriver(common), createSubprocessDriver(common)];
}

async function rawIn(folder: string): Promise<Raw> {
  const file = path.join(folder, "raw");
  writeFileSync(file, Array.from({ length: 200 }, (_, n) => `www${n}.example.test\n`).join(""));
  const { sizeBytes, sha256 } = await hashFile(file);
  return { id: benchMeta().raw_data.id, path: file, sizeBytes, sha256, mimeTypes: ["text/plain"] };
}

interface Way {
  readonly name: string;
  readonly pkg: Package;
  readonly state: StatePolicy;
  readonly pauseMs: number;
  /** Cold starts of processes are measured less often. */
  readonly share: number;
}

function waysOf(language: string, pkg: Package): readonly Way[] {
  if (pkg.manifest.guest.kind !== "wasm") {
    return [
      { name: `${language}-subprocess-fresh`, pkg, state: "fresh", pauseMs: 0, share: 0.1 },
      { name: `${language}-subprocess-fork`, pkg, state: "fork", pauseMs: 0, share: 1 },
    ];
  }
  const fresh = [
    { name: `${language}-fresh`, pkg, state: "fresh", pauseMs: 0, share: 1 },
    { name: `${language}-fresh-paused`, pkg, state: "fresh", pauseMs: PAUSE_MS, share: 0.5 },
  ] as const;
  // Ruby is never used again.
  if (language === "ruby") return fresh;
  return [...fresh, { name: `${language}-reuse`, pkg, state: "reuse", pauseMs: 0, share: 1 }];
}

async function timesOf(way: Way, runs: number, raw: Raw, sandboxes: Sandboxes): Promise<readonly number[]> {
  const times: number[] = [];
  const count = Math.ceil(runs * way.share);
  // The first compiles, and more than one makes V8 compile better.
  for (let n = -Math.ceil(count / 5); n < count; n += 1) {
    const startedMs = performance.now();
    await run(way.pkg, way.state, raw, sandboxes);
    if (n >= 0) times.push(performance.now() - startedMs);
    if (way.pauseMs > 0) await delay(way.pauseMs);
  }
  return times;
}

async function run(pkg: Package, state: StatePolicy, raw: Raw, sandboxes: Sandboxes): Promise<void> {
  const request = { meta: benchMeta(), raws: [raw] };
  const { outcome } = await sandboxes.run(pkg, { state }, request, new DiscardingSink(), NEVER);
  if (outcome.status !== "succeeded") throw new Error(outcome.message);
}

/** In a process of its own, whose children are nothing else's. */
async function memoryOf(pkg: Package, raw: Raw, options: WasmOptions): Promise<WasmMemory> {
  const sandboxes = openSandboxes({ drivers: driversFor(options) });
  const children = new Set(listTree(process.pid));
  const bytes = (): number =>
    listTree(process.pid)
      .filter((pid) => !children.has(pid))
      .reduce((sum, pid) => sum + proportionalBytesOf(pid), 0);
  try {
    for (let n = 0; n < 20; n += 1) await run(pkg, "fresh", raw, sandboxes);
    await delay(500);
    const idleBytes = bytes();
    await sandboxes.warm(pkg, { state: "reuse" }, 1, NEVER);
    await delay(500);
    const before = bytes();
    await sandboxes.warm(pkg, { state: "reuse" }, INSTANCES, NEVER);
    await delay(500);
    return { idleBytes, instanceBytes: Math.round((bytes() - before) / (INSTANCES - 1)) };
  } finally {
    await sandboxes.close();
  }
}
