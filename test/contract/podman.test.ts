/** The driver contract with Podman's service, and what only Podman makes necessary. A few of the contract's tests in every run. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, describe, it } from "node:test";
import { setTimeout as delay } from "node:timers/promises";

import { DEFAULT_LIMITS } from "../../src/domain/limits.ts";
import type { Driver, Probe } from "../../src/sandbox/driver.ts";
import { createDockerDriver } from "../../src/sandbox/drivers/docker/create-docker-driver.ts";
import type { DockerSandbox } from "../../src/sandbox/drivers/docker/sandbox.ts";
import { argumentsOf, cpuMsOf, listByArgument } from "../../src/sandbox/drivers/process-tree.ts";
import { commandPackage } from "../fixtures/command-package.ts";
import { eventually } from "../fixtures/eventually.ts";
import { startPodman, whyNoPodman } from "../fixtures/podman-service.ts";
import { driverContract } from "./driver.ts";

const unavailable = whyNoPodman();
const podman = unavailable === undefined ? await startPodman() : null;
const folder = mkdtempSync(path.join(tmpdir(), "whiskers-podman-test-"));
const packageFolder = path.join(folder, "package");
mkdirSync(packageFolder);
after(async () => {
  await podman?.close();
  rmSync(folder, { recursive: true, force: true });
});

const newDriver = (folders: { readonly stateDirectory: string; readonly sdkFolder: string }): Driver =>
  createDockerDriver({ ...folders, host: `unix://${podman?.socket ?? "/nonexistent"}` });

const QUICK = {
  only: {
    titles: [
      "a python guest gets ready",
      "three streams of bytes",
      "exit code and signal",
      "too much memory",
      "close is idempotent",
    ],
    otherwise: "it takes half a minute: WHISKERS_TEST_PODMAN=all",
  },
};

driverContract("docker, Podman's service with runc", newDriver, {
  mustWork: podman !== null,
  ...(process.env["WHISKERS_TEST_PODMAN"] === "all" ? {} : QUICK),
});

describe("Podman", { skip: unavailable }, () => {
  const stateDirectory = path.join(folder, "state");
  const driver = newDriver({ stateDirectory, sdkFolder: path.resolve(import.meta.dirname, "../../sdk") });
  const open = async (script: string): Promise<DockerSandbox> => {
    const prepared = await driver.prepare(commandPackage(packageFolder, ["sh", "-c", script]));
    const sandbox = await driver.open(prepared, { limits: DEFAULT_LIMITS, state: "fresh", files: [] });
    sandbox.errors.resume();
    return sandbox as DockerSandbox;
  };
  it("loses nothing of what a guest prints last, whatever it leaves unread and however late Podman is", async () => {
    assert.ok(podman !== null);
    const mark = String(1000 + Math.floor(Math.random() * 8_000_000));
    const sandbox = await open(`sleep ${mark}; printf 'last words'`);
    const waiting = (): number | undefined => listByArgument(mark).find((pid) => isSleep(pid, mark));
    await eventually("the guest waits", () => waiting() !== undefined);
    sandbox.input.end(Buffer.alloc(1024 * 1024));
    // Until all that is on the way holds as much as it can.
    await delay(FILLED_MS);
    process.kill(podman.pid, "SIGSTOP");
    try {
      process.kill(waiting() ?? 0, "SIGTERM");
      // What conmon writes when it has closed its connections.
      const told = path.join(podman.folder, "tmp/exits", sandbox.container);
      await eventually("conmon is done with it", () => existsSync(told));
    } finally {
      process.kill(podman.pid, "SIGCONT");
    }
    let said = "";
    for await (const chunk of sandbox.output) said += String(chunk);
    assert.equal(said, "last words");
    assert.equal((await sandbox.ended).exitCode, 0);
    await sandbox.close();
  });

  it("has ended all that it started beside a container when that is closed, however it ended", async () => {
    for (const script of ["exit 3", "exec 0<&-; sleep 4713", "trap '' TERM; sleep 4713"]) {
      const sandbox = await open(script);
      if (script.startsWith("exit")) await sandbox.ended;
      await sandbox.close();
      assert.deepEqual(listByArgument(sandbox.container), [], script);
    }
  });

  it("does next to nothing while a guest waits", async () => {
    assert.ok(podman !== null);
    const sandbox = await open("echo ready; read line");
    await once(sandbox.output, "data");
    const before = cpuMsOf(podman.pid);
    await delay(1000);
    const usedMs = cpuMsOf(podman.pid) - before;
    await sandbox.close();
    assert.ok(usedMs < IDLE_MAX_MS, `${usedMs} ms of processor time in a second`);
  });

  it("is refused with a runtime that it would not use, instead of giving less than was asked for", async () => {
    const probeWith = (runtime: string): Promise<Probe> =>
      createDockerDriver({
        stateDirectory,
        sdkFolder: path.resolve(import.meta.dirname, "../../sdk"),
        host: `unix://${podman?.socket ?? "/nonexistent"}`,
        runtime,
      }).probe();
    const other = await probeWith("runsc");
    assert.ok(!other.available);
    assert.match(other.reason, /was to have the runtime runsc, and got runc/u);
    const own = await probeWith("runc");
    assert.ok(own.available, JSON.stringify(own));
  });

  it("lets a guest write to /tmp and /dev/shm alone, and see nothing of /sys", async () => {
    const sandbox = await open(LOOK);
    let said = "";
    for await (const chunk of sandbox.output) said += String(chunk);
    await sandbox.close();
    assert.equal(said, "/tmp\n/dev/shm\n");
  });
});

const FILLED_MS = 300;
/** In a second. It looks forty times whether the guest has ended. */
const IDLE_MAX_MS = 300;

/** Podman would make more of it writable, and hides nothing of /sys by the setting that Docker has for it. */
const LOOK = `
for folder in / /run /var /var/tmp /tmp /dev /dev/shm /proc /sys /whiskers; do
  (: >"$folder/probe") 2>/dev/null && echo "$folder"
done
ls /sys`;

function isSleep(pid: number, mark: string): boolean {
  const [program, argument] = argumentsOf(pid);
  return program === "sleep" && argument === mark;
}
