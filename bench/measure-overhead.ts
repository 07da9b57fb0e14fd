import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { Package, StatePolicy } from "../src/domain/package.ts";
import type { Raw } from "../src/domain/raw.ts";
import { openCatalogue } from "../src/packages/catalogue.ts";
import { hashFile } from "../src/raw/hash-file.ts";
import type { Driver } from "../src/sandbox/driver.ts";
import { openSandboxes, type Sandboxes } from "../src/sandbox/sandboxes.ts";
import { benchMeta } from "./bench-meta.ts";
import { DiscardingSink } from "./discarding-sink.ts";
import { run as runInProcess } from "./normalizer-js/normalize.ts";
import { type Distribution, distributionOf } from "./statistics.ts";

const NEVER = new AbortController().signal;

export interface OverheadOptions {
  readonly drivers: readonly Driver[];
  readonly python: string;
  readonly home: string;
  /** Everything is measured once per round, in turn, so that a noisy minute hits all alike. */
  readonly rounds: number;
  /** Warm runs per round. */
  readonly runs: number;
  /** Guests to measure; both when not given. */
  readonly languages?: readonly ("python" | "javascript")[];
  /** Measured in the same rounds. */
  readonly beside?: readonly Measured[];
}

/** Milliseconds of one way to run the same small normalizer. */
export interface OverheadRow {
  readonly language: "python" | "javascript";
  /** `in-process`, or the name of a runtime. */
  readonly runtime: string;
  /** What was measured: a state policy; `fresh` is a cold start and one run. `bare`: an interpreter that does nothing. */
  readonly how: StatePolicy | "call" | "bare" | "cold start";
  readonly ms: Distribution;
}

export interface Measured {
  readonly row: Omit<OverheadRow, "ms">;
  /** Milliseconds of every run of one round. */
  measure(): Promise<readonly number[]>;
}

/** Times one small normalizer (4 kB in, 200 objects out) in every way that there is to run it. */
export async function measureOverhead(options: OverheadOptions): Promise<readonly OverheadRow[]> {
  const folder = mkdtempSync(join(tmpdir(), "whiskers-bench-"));
  const sandboxes = openSandboxes({ drivers: options.drivers });
  try {
    const all = await everyWay(options, sandboxes, folder);
    const values = new Map<Measured, number[]>(all.map((one) => [one, []]));
    for (let round = 0; round < options.rounds; round += 1) {
      for (const one of all) values.get(one)?.push(...(await one.measure()));
    }
    return all.map((one) => ({ ...one.row, ms: distributionOf(values.get(one) ?? []) }));
  } finally {
    await sandboxes.close();
    rmSync(folder, { recursive: true });
  }
}

async function everyWay(
  options: OverheadOptions,
  sandboxes: Sandboxes,
  folder: string,
): Promise<readonly Measured[]> {
  const catalogue = openCatalogue({ home: options.home });
  const open = (name: string): Promise<Package> => catalogue.open(join(import.meta.dirname, name));
  const python = await open("normalizer");
  const javascript = await open("normalizer-js");
  const bare = await open("bare");
  const rawPath = join(folder, "raw");
  writeFileSync(rawPath, "www.example.com.test\n".repeat(200));
  const meta = benchMeta();
  writeFileSync(join(folder, "meta.json"), JSON.stringify(meta));
  const { sizeBytes, sha256 } = await hashFile(rawPath);
  const raw: Raw = { id: meta.raw_data.id, path: rawPath, sizeBytes, sha256, mimeTypes: ["text/plain"] };

  const run = async (
    pkg: Package,
    runtime: string,
    state: StatePolicy,
  ): Promise<{ readonly totalMs: number; readonly openMs: number }> => {
    const started = performance.now();
    const result = await sandboxes.run(
      pkg,
      { runtime, state },
      { meta, raws: [raw] },
      new DiscardingSink(),
      NEVER,
    );
    const totalMs = performance.now() - started;
    if (result.outcome.status !== "succeeded") throw new Error(result.outcome.message);
    return { totalMs, openMs: result.timingsMs.open };
  };
  const repeat = async (count: number, one: () => Promise<number>): Promise<readonly number[]> => {
    const values: number[] = [];
    for (let n = 0; n < count; n += 1) values.push(await one());
    return values;
  };
  const cold = Math.max(3, Math.ceil(options.runs / 40));
  const ways: Measured[] = [
    {
      row: { language: "python", runtime: "in-process", how: "call" },
      measure: () => Promise.resolve(callPython("call", options, folder)),
    },
    {
      row: { language: "python", runtime: "in-process", how: "fork" },
      measure: () => Promise.resolve(callPython("fork", options, folder)),
    },
    {
      row: { language: "javascript", runtime: "in-process", how: "call" },
      measure: () => Promise.resolve(callJavaScript(options.runs)),
    },
  ];
  for (const driver of options.drivers) {
    if (!(await driver.probe()).available) continue;
    // A driver may know only by trying what it can do here.
    const { name, capabilities } = driver;
    if (capabilities.guests.includes("command")) {
      ways.push({
        row: { language: "python", runtime: name, how: "bare" },
        measure: () => repeat(cold, async () => (await run(bare, name, "fresh")).totalMs),
      });
    }
    for (const [language, pkg] of [
      ["python", python],
      ["javascript", javascript],
    ] as const) {
      if (options.languages?.includes(language) === false) continue;
      if (!capabilities.guests.includes(language)) continue;
      if (capabilities.isolates) {
        ways.push({
          row: { language, runtime: name, how: "cold start" },
          measure: () => repeat(cold, async () => (await run(pkg, name, "fresh")).openMs),
        });
        ways.push({
          row: { language, runtime: name, how: "fresh" },
          measure: () => repeat(cold, async () => (await run(pkg, name, "fresh")).totalMs),
        });
      }
      const warm: readonly StatePolicy[] =
        language === "python" && capabilities.fork ? ["fork", "reuse"] : ["reuse"];
      for (const how of warm) {
        ways.push({
          row: { language, runtime: name, how },
          measure: async () => {
            await run(pkg, name, how);
            return repeat(options.runs, async () => (await run(pkg, name, how)).totalMs);
          },
        });
      }
    }
  }
  return [...ways, ...(options.beside ?? [])];
}

function callPython(how: "call" | "fork", options: OverheadOptions, folder: string): readonly number[] {
  const script = join(import.meta.dirname, "in-process.py");
  const args = [
    script,
    how,
    join(import.meta.dirname, "normalizer"),
    join(folder, "raw"),
    join(folder, "meta.json"),
    String(options.runs),
  ];
  const printed = execFileSync(options.python, ["-B", ...args], { encoding: "utf8" });
  return JSON.parse(printed) as readonly number[];
}

function callJavaScript(runs: number): readonly number[] {
  const raw = Buffer.from("www.example.com.test\n".repeat(200));
  return Array.from({ length: runs }, () => {
    const started = performance.now();
    Array.from(runInProcess(null, raw), (record) => JSON.stringify(record)).join("\n");
    return performance.now() - started;
  });
}
