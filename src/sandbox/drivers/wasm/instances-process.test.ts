/** A package's process as the driver sees it, with a process that says what it is told to. */
import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { afterEach, beforeEach, mock, suite, test } from "node:test";

import { DEFAULT_LIMITS } from "../../../domain/limits.ts";
import type { Ending, Sandbox } from "../../driver.ts";
import type { Host } from "./host.ts";
import { InstancesProcess } from "./instances-process.ts";
import type { InstanceListener } from "./instances-process.ts";
import { MESSAGE, send } from "./process/channel.ts";

const IDLE_MS = 60_000;
const ENDED = { exitCode: 0, signal: null, outOfMemory: false, cpuMs: 1, memoryBytes: 1 };

suite("a process with instances", () => {
  beforeEach(() => {
    mock.timers.enable({ apis: ["setTimeout"] });
  });
  afterEach(() => {
    mock.timers.reset();
  });

  test("takes none while it is being ended because it was idle", async () => {
    const around = new Around();
    const process = await start(around);
    await runOne(process, around);
    mock.timers.tick(IDLE_MS - 1);
    assert.equal(around.isClosing, false);
    mock.timers.tick(1);
    assert.equal(around.isClosing, true);
    assert.equal(process.reserve(), false);
    around.end();
    await process.gone;
  });

  test("is not idle once there is room taken in it", async () => {
    const around = new Around();
    const process = await start(around);
    await runOne(process, around);
    mock.timers.tick(IDLE_MS - 1);
    assert.equal(process.reserve(), true);
    mock.timers.tick(IDLE_MS);
    assert.equal(around.isClosing, false);
    around.end();
    await process.gone;
  });
});

/** What a process is in. */
class Around implements Sandbox {
  readonly id = "it";
  readonly runtime = { driver: "it", version: "1" };
  readonly protections = [];
  readonly input = new PassThrough();
  readonly output = new PassThrough();
  readonly errors = new PassThrough();
  readonly ended: Promise<Ending>;
  isClosing = false;
  end: () => void = () => {};

  constructor() {
    this.ended = new Promise((resolve) => {
      this.end = (): void => {
        resolve({ exitCode: null, signal: "SIGKILL", outOfMemory: false, runtimeError: null });
      };
    });
  }

  signal(): void {}

  usage(): ReturnType<Sandbox["usage"]> {
    return Promise.resolve({ cpuMs: null, peakMemoryBytes: null });
  }

  async close(): Promise<void> {
    this.isClosing = true;
    await this.ended;
  }
}

function start(around: Sandbox): Promise<InstancesProcess> {
  const host: Host = {
    version: "1",
    protections: [],
    advice: [],
    launch: () => Promise.resolve(around),
    nextName: () => "it",
  };
  const pkg = { folder: "/it", dependencies: null };
  return InstancesProcess.start(host, pkg, { file: "it.wasm", component: null }, DEFAULT_LIMITS, () => {});
}

async function runOne(process: InstancesProcess, around: Around): Promise<void> {
  const nothing = (): void => {};
  const listener = {
    onOutput: nothing,
    onErrors: nothing,
    onTaken: nothing,
    onUsage: nothing,
    onTrouble: nothing,
  };
  assert.equal(process.reserve(), true);
  await new Promise<void>((resolve) => {
    const onEnded: InstanceListener["onEnded"] = () => {
      resolve();
    };
    const number = process.open({ args: [], env: {}, files: [] }, { ...listener, onEnded });
    send(around.output, MESSAGE.ended, number, Buffer.from(JSON.stringify(ENDED)));
  });
}
