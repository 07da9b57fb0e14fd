/** The hostile suite of the `wasm` driver: modules, since it starts nothing else. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, describe, test } from "node:test";

import type { Limits } from "../../src/domain/limits.ts";
import type { RunResult } from "../../src/domain/outcome.ts";
import type { Package } from "../../src/domain/package.ts";
import { createWasmDriver } from "../../src/sandbox/drivers/wasm/create-wasm-driver.ts";
import { listByArgument } from "../../src/sandbox/drivers/process-tree.ts";
import { openSandboxes } from "../../src/sandbox/sandboxes.ts";
import {
  HOSTILE_MODULES,
  LEAVES_A_MARK,
  LOOPS_WHEN_TOLD,
  MEMORY_PAGES,
  TMP_BYTES,
} from "../fixtures/hostile-modules.ts";
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
const SHORT_MS = 1000;
/** From the limit of time to the end. */
const LATE_MS = 2000;

const folder = mkdtempSync(path.join(tmpdir(), "whiskers-wasm-"));
const stateDirectory = path.join(folder, "state");
const driver = createWasmDriver({
  stateDirectory,
  sdkFolder: path.resolve(import.meta.dirname, "../../sdk"),
});
const sandboxes = openSandboxes({ drivers: [driver] });

describe("hostile modules", { concurrency: 4 }, () => {
  before(async () => {
    const [found] = await sandboxes.probe();
    assert.equal(found?.probe.available, true);
  });
  after(async () => {
    await sandboxes.close();
    const left = listByArgument(stateDirectory);
    rmSync(folder, { recursive: true, force: true });
    assert.deepEqual(left, [], "no process is left");
  });

  for (const hostile of HOSTILE_MODULES) {
    test(`${hostile.name}: ${hostile.tries}`, async () => {
      const pkg = packageOf(hostile.name, await hostile.bytes(), hostile.protocol !== true);
      const { result, text, elapsedMs } = await run(
        pkg,
        hostile.rawBytes,
        hostile.ends.includes("time-limit"),
      );
      const { outcome, usage } = result;
      const ending = outcome.status === "succeeded" ? "succeeded" : outcome.code;
      assert.ok(hostile.ends.includes(ending), `${ending}: ${JSON.stringify(outcome)}`);
      if (hostile.says !== undefined)
        assert.match(outcome.status === "failed" ? outcome.message : "", hostile.says);
      for (const [name, holds] of ending === "succeeded" ? Object.entries(hostile.reports ?? {}) : []) {
        const value = Number(new RegExp(`^${name} (\\d+)$`, "mu").exec(text)?.[1]);
        assert.ok(holds(value), `${name}: ${value}; ${text}`);
      }
      assert.ok((usage.peakMemoryBytes ?? 0) <= MEMORY_PAGES * 65_536, `${usage.peakMemoryBytes} bytes`);
      const lateMs = elapsedMs - result.timingsMs.open - SHORT_MS;
      if (ending === "time-limit") assert.ok(lateMs <= LATE_MS, `${lateMs} ms after its limit`);
    });
  }

  test("nothing is left of a run for the next, in one process", async () => {
    const pkg = packageOf("leaves-a-mark", await LEAVES_A_MARK(), true);
    for (let turn = 0; turn < 4; turn += 1) assert.match((await run(pkg)).text, /^found 0$/mu);
  });

  test("an endless loop does not keep another instance of its process from its work", async () => {
    const pkg = packageOf("loops-when-told", await LOOPS_WHEN_TOLD(), true);
    await run(pkg, 0);
    const looping = run(pkg, 1, true);
    const results = await Promise.all(Array.from({ length: 3 }, () => run(pkg, 0)));
    for (const { result, text } of results) {
      assert.equal(result.outcome.status, "succeeded");
      assert.match(text, /^n 0$/mu);
    }
    const { outcome } = (await looping).result;
    assert.equal(outcome.status === "failed" ? outcome.code : "succeeded", "time-limit");
  });
});

async function run(
  pkg: Package,
  rawBytes = 10,
  isShort = false,
): Promise<{ readonly result: RunResult; readonly text: string; readonly elapsedMs: number }> {
  const file = path.join(folder, `raw-${pkg.manifest.id}-${rawBytes}`);
  writeFileSync(file, "x".repeat(rawBytes));
  const raw = {
    id: "0".repeat(32),
    path: file,
    sizeBytes: rawBytes,
    sha256: "0".repeat(64),
    mimeTypes: ["text/plain"],
  };
  const sink = new KeepingSink();
  const startedAtMs = performance.now();
  const options = {
    runtime: "wasm",
    state: "fresh",
    limits: { ...LIMITS, ...(isShort ? { wallMs: SHORT_MS } : {}) },
  } as const;
  const request = { meta: metaOf(pkg, raw), raws: [raw] };
  const result = await sandboxes.run(pkg, options, request, sink, new AbortController().signal);
  return { result, text: sink.text, elapsedMs: performance.now() - startedAtMs };
}

function packageOf(id: string, bytes: Uint8Array, plain: boolean): Package {
  const place = path.join(folder, id);
  mkdirSync(place);
  writeFileSync(path.join(place, `${id}.wasm`), bytes);
  symlinkSync("/etc/passwd", path.join(place, "linked"));
  return {
    digest: `sha256:${Buffer.from(id).toString("hex").padStart(64, "0")}`,
    root: null,
    dependencies: null,
    folder: place,
    manifest: {
      id,
      name: id,
      description: null,
      version: null,
      consumes: [],
      produces: [],
      guest: { kind: "wasm", file: `${id}.wasm`, args: [], plain },
      limits: {},
      schema: "openkat/1",
      dependencies: null,
      onInvalid: "fail",
      runtime: null,
    },
  };
}
