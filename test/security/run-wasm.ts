/** What the hostile suites of the `wasm` driver have in common: one driver, its limits, and packages of one file. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

import type { Limits } from "../../src/domain/limits.ts";
import type { RunResult } from "../../src/domain/outcome.ts";
import type { Package } from "../../src/domain/package.ts";
import { createWasmDriver } from "../../src/sandbox/drivers/wasm/create-wasm-driver.ts";
import { listByArgument } from "../../src/sandbox/drivers/process-tree.ts";
import { openSandboxes } from "../../src/sandbox/sandboxes.ts";
import { barePackage } from "../../src/sandbox/testing/bare-package.ts";
import { MEMORY_PAGES, TMP_BYTES } from "../fixtures/hostile-modules.ts";
import { KeepingSink, metaOf } from "./run-attack.ts";

const MiB = 1 << 20;
const LIMITS: Partial<Limits> = {
  wallMs: 20_000,
  memoryBytes: MEMORY_PAGES * 65_536,
  tmpBytes: TMP_BYTES,
  outputBytes: 4 * MiB,
  logFloodBytes: MiB,
};
/** For those that are ended by it. */
export const SHORT_MS = 1000;
/** The same for those that are ended before their run. A start takes one to six seconds of this, as many as run at once. */
const SHORT_START_MS = 10_000;

const folder = mkdtempSync(path.join(tmpdir(), "whiskers-wasm-"));
const stateDirectory = path.join(folder, "state");
export const driver = createWasmDriver({
  stateDirectory,
  sdkFolder: path.resolve(import.meta.dirname, "../../sdk"),
});
const sandboxes = openSandboxes({ drivers: [driver] });

export async function begin(): Promise<void> {
  const [found] = await sandboxes.probe();
  assert.equal(found?.probe.available, true);
}

export async function end(): Promise<void> {
  await sandboxes.close();
  const left = listByArgument(stateDirectory);
  rmSync(folder, { recursive: true, force: true });
  assert.deepEqual(left, [], "no process is left");
}

export interface Ran {
  readonly result: RunResult;
  readonly text: string;
  readonly elapsedMs: number;
}

/** @param content of its raw file */
export async function run(pkg: Package, content: string, isShort = false): Promise<Ran> {
  const file = path.join(folder, `raw-${pkg.manifest.id}-${content.length}-${content.codePointAt(0)}`);
  writeFileSync(file, content);
  const raw = {
    id: "0".repeat(32),
    path: file,
    sizeBytes: content.length,
    sha256: "0".repeat(64),
    mimeTypes: ["text/plain"],
  };
  const sink = new KeepingSink();
  const startedAtMs = performance.now();
  const options = {
    runtime: "wasm",
    state: "fresh",
    limits: { ...LIMITS, ...(isShort ? { wallMs: SHORT_MS, startMs: SHORT_START_MS } : {}) },
  } as const;
  const request = { meta: metaOf(pkg, raw), raws: [raw] };
  const result = await sandboxes.run(pkg, options, request, sink, new AbortController().signal);
  return { result, text: sink.text, elapsedMs: performance.now() - startedAtMs };
}

export function packageOf(id: string, bytes: Uint8Array, plain: boolean): Package {
  const place = path.join(folder, id);
  mkdirSync(place);
  writeFileSync(path.join(place, `${id}.wasm`), bytes);
  symlinkSync("/etc/passwd", path.join(place, "linked"));
  return barePackage({
    name: id,
    folder: place,
    guest: { kind: "wasm", file: `${id}.wasm`, args: [], plain },
  });
}
