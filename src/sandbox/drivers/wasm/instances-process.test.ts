/** A package's process as the driver sees it, with a process that says what it is told to. */
import assert from "node:assert/strict";
import { once } from "node:events";
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

  test("that V8 ended because a heap was full was out of memory, and no fault of the platform's", async () => {
    const around = new Around();
    const process = await start(around);
    assert.equal(process.reserve(), true);
    around.errors.end("FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory\n");
    const ended = new Promise<Ending>((resolve) => {
      process.open({ args: [], env: {}, files: [] }, { ...LISTENER, onEnded: resolve });
    });
    await once(around.errors, "end");
    around.end("SIGABRT");
    const { outOfMemory, runtimeError } = await ended;
    assert.deepEqual({ outOfMemory, runtimeError }, { outOfMemory: true, runtimeError: null });
  });

  test("that announces more than it has to say is ended at once", async () => {
    const around = new Around();
    const process = await start(around);
    around.output.write(Buffer.from([0x03, 0xff, 0xff, 0xff, MESSAGE.output, 0, 0, 0, 1]));
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(around.isKilled, true);
    around.end();
    await process.gone;
  });

  test("that had to be ended because of one run is no fault of the others", async () => {
    const around = new Around();
    const process = await start(around);
    const open = (): { readonly number: number; readonly ended: Promise<Ending> } => {
      assert.equal(process.reserve(), true);
      const { promise: ended, resolve: onEnded } = Promise.withResolvers<Ending>();
      const number = process.open({ args: [], env: {}, files: [] }, { ...LISTENER, onEnded });
      return { number, ended };
    };
    const [culprit, other] = [open(), open()];
    process.kill(culprit.number);
    around.end();
    const { signal, runtimeError } = await culprit.ended;
    assert.deepEqual({ signal, runtimeError }, { signal: "SIGKILL", runtimeError: null });
    assert.match((await other.ended).runtimeError ?? "", /ended with another run/u);
  });
});

const nothing = (): void => {};
const LISTENER = {
  onOutput: nothing,
  onErrors: nothing,
  onTaken: nothing,
  onUsage: nothing,
  onTrouble: nothing,
};

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
  isKilled = false;
  end: (signal?: string) => void = () => {};

  constructor() {
    this.ended = new Promise((resolve) => {
      this.end = (signal = "SIGKILL"): void => {
        resolve({ exitCode: null, signal, outOfMemory: false, runtimeError: null });
      };
    });
  }

  signal(): void {
    this.isKilled = true;
  }

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
    programDigest: "0",
    nextName: () => "it",
  };
  const pkg = { folder: "/it", dependencies: null };
  return InstancesProcess.start(host, pkg, { file: "it.wasm", component: null }, DEFAULT_LIMITS, () => {});
}

async function runOne(process: InstancesProcess, around: Around): Promise<void> {
  assert.equal(process.reserve(), true);
  await new Promise<void>((resolve) => {
    const onEnded: InstanceListener["onEnded"] = () => {
      resolve();
    };
    const number = process.open({ args: [], env: {}, files: [] }, { ...LISTENER, onEnded });
    send(around.output, MESSAGE.ended, number, Buffer.from(JSON.stringify(ENDED)));
  });
}
