/** The hostile suite of the `wasm` driver for components. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, describe, test } from "node:test";

import type { Limits } from "../../src/domain/limits.ts";
import type { RunResult } from "../../src/domain/outcome.ts";
import type { Package } from "../../src/domain/package.ts";
import { createWasmDriver } from "../../src/sandbox/drivers/wasm/create-wasm-driver.ts";
import { listByArgument } from "../../src/sandbox/drivers/process-tree.ts";
import { openSandboxes } from "../../src/sandbox/sandboxes.ts";
import { deedsComponent, HOSTILE_COMPONENTS, HOSTILE_DEEDS } from "../fixtures/hostile-components.ts";
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
const SHORT_MS = 1000;

const folder = mkdtempSync(path.join(tmpdir(), "whiskers-components-"));
const stateDirectory = path.join(folder, "state");
const driver = createWasmDriver({
  stateDirectory,
  sdkFolder: path.resolve(import.meta.dirname, "../../sdk"),
});
const sandboxes = openSandboxes({ drivers: [driver] });

describe("hostile components", { concurrency: 4 }, () => {
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

  for (const { name, tries, bytes, ends, says } of HOSTILE_COMPONENTS) {
    test(`a component that ${tries}`, async () => {
      judge(await run(packageOf(name, await bytes()), "x", ends.includes("time-limit")), { ends, says });
    });
  }

  test("a component's run: the deeds", { concurrency: 4 }, async (context) => {
    const pkg = packageOf("deeds", await deedsComponent());
    const deeds = HOSTILE_DEEDS.map(({ tries, ends, says, gives }, index) =>
      context.test(`a run that ${tries}`, async () => {
        const raw = String.fromCodePoint(index + 1);
        judge(await run(pkg, raw, ends.includes("time-limit")), { ends, says, gives });
      }),
    );
    await Promise.all(deeds);
  });
});

interface Expected {
  readonly ends: readonly string[];
  readonly says?: RegExp | undefined;
  readonly gives?: RegExp | undefined;
}

function judge({ result, text }: Ran, { ends, says, gives }: Expected): void {
  const { outcome, usage } = result;
  const ending = outcome.status === "succeeded" ? "succeeded" : outcome.code;
  const shown = `${ending}: ${JSON.stringify(outcome)} ${JSON.stringify(result.logs).slice(0, 2000)}`;
  assert.ok(ends.includes(ending), shown);
  if (says !== undefined) assert.match(outcome.status === "failed" ? outcome.message : "", says, shown);
  if (gives !== undefined) assert.match(text, gives);
  assert.ok((usage.peakMemoryBytes ?? 0) <= MEMORY_PAGES * 65_536, `${usage.peakMemoryBytes} bytes`);
}

interface Ran {
  readonly result: RunResult;
  readonly text: string;
}

async function run(pkg: Package, content: string, isShort: boolean): Promise<Ran> {
  const file = path.join(folder, `raw-${pkg.manifest.id}-${content.codePointAt(0)}`);
  writeFileSync(file, content);
  const raw = {
    id: "0".repeat(32),
    path: file,
    sizeBytes: content.length,
    sha256: "0".repeat(64),
    mimeTypes: ["text/plain"],
  };
  const sink = new KeepingSink();
  const options = {
    runtime: "wasm",
    state: "fresh",
    limits: { ...LIMITS, ...(isShort ? { wallMs: SHORT_MS } : {}) },
  } as const;
  const request = { meta: metaOf(pkg, raw), raws: [raw] };
  const result = await sandboxes.run(pkg, options, request, sink, new AbortController().signal);
  return { result, text: sink.text };
}

function packageOf(id: string, bytes: Uint8Array): Package {
  const place = path.join(folder, id);
  mkdirSync(place);
  writeFileSync(path.join(place, `${id}.wasm`), bytes);
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
      guest: { kind: "wasm", file: `${id}.wasm`, args: [], plain: false },
      limits: {},
      schema: "openkat/1",
      dependencies: null,
      onInvalid: "fail",
      runtime: null,
    },
  };
}
