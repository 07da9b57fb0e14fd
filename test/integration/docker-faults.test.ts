import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, describe, it } from "node:test";

import { DEFAULT_LIMITS } from "../../src/domain/limits.ts";
import type { Limits } from "../../src/domain/limits.ts";
import type { Driver, Sandbox } from "../../src/sandbox/driver.ts";
import { createDockerDriver } from "../../src/sandbox/drivers/docker/create-docker-driver.ts";
import { Engine } from "../../src/sandbox/drivers/docker/engine.ts";
import { listByArgument } from "../../src/sandbox/drivers/process-tree.ts";
import { commandPackage } from "../fixtures/command-package.ts";
import { startDockerEngine, whyNoDockerEngine } from "../fixtures/docker-engine.ts";
import type { DockerEngine } from "../fixtures/docker-engine.ts";
import { eventually } from "../fixtures/eventually.ts";

const SDK_FOLDER = path.resolve(import.meta.dirname, "../../sdk");
const RUNNER = path.resolve(import.meta.dirname, "../fixtures/docker-runner.ts");

describe("the docker runtime when something fails", { skip: whyNoDockerEngine(), timeout: 240_000 }, () => {
  let folder: string;
  let engine: DockerEngine;
  let docker: Engine;
  let driver: Driver;

  const driverAt = (socket: string, more: { readonly runtime?: string } = {}): Driver =>
    createDockerDriver({
      stateDirectory: path.join(folder, "state"),
      sdkFolder: SDK_FOLDER,
      host: `unix://${socket}`,
      ...more,
    });
  const open = async (script: string, limits: Partial<Limits> = {}): Promise<Sandbox> => {
    const prepared = await driver.prepare(commandPackage(path.join(folder, "package"), ["sh", "-c", script]));
    const request = { limits: { ...DEFAULT_LIMITS, ...limits }, state: "fresh" as const, files: [] };
    const sandbox = await driver.open(prepared, request);
    sandbox.errors.resume();
    return sandbox;
  };
  const begun = async (): Promise<Sandbox> => {
    const sandbox = await open("trap '' TERM; echo begun; sleep 4711");
    await once(sandbox.output, "data");
    return sandbox;
  };
  const works = async (): Promise<void> => {
    const sandbox = await open("exit 3");
    assert.equal((await sandbox.ended).exitCode, 3);
    await sandbox.close();
  };

  before(async () => {
    folder = mkdtempSync(path.join(tmpdir(), "whiskers-faults-"));
    mkdirSync(path.join(folder, "package"));
    engine = await startDockerEngine();
    docker = new Engine(engine.socket);
    driver = driverAt(engine.socket);
  });
  after(async () => {
    await docker.close();
    await engine.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it("says what is missing, and what to do", async () => {
    const missing = await driverAt("/nonexistent.sock").probe();
    assert.ok(!missing.available);
    assert.match(missing.reason, /no socket \/nonexistent\.sock/u);
    assert.match(missing.remedy, /docker\.io/u);
    const runtime = await driverAt(engine.socket, { runtime: "nosuch" }).probe();
    assert.ok(!runtime.available);
    assert.match(runtime.reason, /no runtime nosuch; it has .*runc/u);
    const shim = await driverAt(engine.socket, { runtime: "io.containerd.nosuch.v2" }).probe();
    assert.ok(!shim.available);
    assert.match(
      shim.reason,
      /cannot start a container: .*io\.containerd\.nosuch\.v2/u,
      "the engine knows them",
    );
    const remote = createDockerDriver({
      stateDirectory: path.join(folder, "state"),
      sdkFolder: SDK_FOLDER,
      host: "tcp://elsewhere:2375",
    });
    const answer = await remote.probe();
    assert.ok(!answer.available);
    assert.match(answer.reason, /tcp:\/\/elsewhere:2375.*only Unix sockets/u);
  });

  it("works when what was missing is there, whatever it failed of before", async () => {
    const taken = path.join(folder, "taken");
    writeFileSync(taken, "");
    const late = createDockerDriver({
      stateDirectory: path.join(taken, "state"),
      sdkFolder: SDK_FOLDER,
      host: `unix://${engine.socket}`,
    });
    const failed = await late.probe();
    assert.ok(!failed.available);
    assert.match(failed.reason, /ENOTDIR/u);
    rmSync(taken);
    const probe = await late.probe();
    assert.ok(probe.available, JSON.stringify(probe));
  });

  it("a limit of more processors than the engine has is no reason to refuse a run", async () => {
    const sandbox = await open("exit 3", { cpus: 64 });
    assert.equal((await sandbox.ended).exitCode, 3);
    await sandbox.close();
  });

  it("a guest that crashes hands nothing to a program of this machine: its limit of core dumps is 1 byte", async () => {
    const sandbox = await open("cat /proc/self/limits");
    const said = (await sandbox.output.toArray()).join("");
    assert.match(said, /^Max core file size +1 +1 +bytes/mu);
    await sandbox.close();
  });

  it("guests of two drivers of one process share no user, whose processes the kernel counts together", async () => {
    const crowd = 'i=0; while [ $i -lt 40 ]; do sleep 4711 & i=$((i+1)); done; echo "$i"; wait';
    const first = driver;
    const sandboxes: Sandbox[] = [];
    try {
      for (const one of [first, driverAt(engine.socket, { runtime: "runc" })]) {
        driver = one;
        const sandbox = await open(crowd);
        sandboxes.push(sandbox);
        const said = await Promise.race([
          once(sandbox.output, "data").then(([chunk]) => String(chunk)),
          sandbox.ended.then((ending) => `ended: ${JSON.stringify(ending)}`),
        ]);
        assert.equal(said, "40\n");
      }
    } finally {
      driver = first;
      for (const sandbox of sandboxes) await sandbox.close();
    }
  });

  it("makes an image again that somebody has removed", async () => {
    await works();
    const images = await docker.ask("GET", "/images/json", { query: { all: "1" } });
    assert.ok(Array.isArray(images) && images.length > 0);
    for (const { Id: id } of images as { Id: string }[])
      await docker.ask("DELETE", `/images/${id}`, { query: { force: "1" } });
    await works();
  });

  it("does not blame a guest for what somebody else did to its container", async () => {
    const sandbox = await begun();
    const listed = await docker.ask("GET", "/containers/json");
    assert.ok(Array.isArray(listed) && listed.length === 1);
    const [{ Id: id }] = listed as [{ Id: string }];
    await docker.ask("POST", `/containers/${id}/kill`);
    assert.match((await sandbox.ended).runtimeError ?? "", /somebody else.*signal 9/u);
    await sandbox.close();
  });

  it("does not take for the guest's own end what it did when somebody else stopped its container", async () => {
    const sandbox = await open("trap 'exit 0' TERM; echo begun; sleep 4711 & wait");
    await once(sandbox.output, "data");
    const listed = await docker.ask("GET", "/containers/json");
    assert.ok(Array.isArray(listed) && listed.length === 1);
    const [{ Id: id }] = listed as [{ Id: string }];
    await docker.ask("POST", `/containers/${id}/stop`);
    assert.match((await sandbox.ended).runtimeError ?? "", /somebody else.*signal 15/u);
    await sandbox.close();
  });

  it("leaves alone what a living process uses", async () => {
    const args = [engine.socket, path.join(folder, "state"), path.join(folder, "package"), "1", "4712"];
    const runner = spawn(process.execPath, [RUNNER, ...args], { stdio: ["ignore", "pipe", "inherit"] });
    try {
      let runs = 0;
      runner.stdout
        .setEncoding("utf8")
        .on("data", (text: string) => (runs += text.split("run\n").length - 1));
      await eventually("its containers come and go", () => runs > 0);
      const sofar = runs;
      await eventually("they come and go beside others that start", async () => {
        assert.ok((await driverAt(engine.socket).probe()).available);
        return runs > sofar + 3;
      });
      assert.equal(runner.exitCode, null);
    } finally {
      const over = once(runner, "close");
      runner.kill("SIGKILL");
      await over;
    }
  });

  for (const how of ["SIGTERM", "SIGKILL"] as const) {
    it(`an engine that ends by ${how} fails the run as the platform's, and works again afterwards`, async () => {
      const sandbox = await begun();
      await engine.end(how);
      const ending = await sandbox.ended;
      assert.notEqual(ending.runtimeError, null, JSON.stringify(ending));
      await sandbox.close().catch(() => {});
      await eventually("its processes are gone", () => listByArgument("4711").length === 0);
      await assert.rejects(open("true"), { code: "sandbox-failed" });
      await engine.start();
      await works();
      // It removes what killed processes left, and nothing of this one.
      await driverAt(engine.socket).probe();
      await eventually(
        "what could not be removed is gone, while the process that made it lives on",
        async () => {
          const left = await docker.ask("GET", "/containers/json", { query: { all: "1" } });
          return Array.isArray(left) && left.length === 0;
        },
      );
    });
  }

  it("a full disk is told in the engine's words", async () => {
    const small = await startDockerEngine({ dataBytes: 48 * 1024 * 1024 });
    try {
      driver = driverAt(small.socket);
      await works();
      fill(path.join(small.folder, "data/filler"));
      await assert.rejects(open("true"), { code: "sandbox-failed", message: /no space left on device/u });
      rmSync(path.join(small.folder, "data/filler"));
      await works();
    } finally {
      await small.close();
    }
  });
});

function fill(file: string): void {
  const piece = Buffer.alloc(64 * 1024);
  for (let size = piece.length; size >= 1; size = Math.floor(size / 2)) {
    try {
      for (;;) writeFileSync(file, piece.subarray(0, size), { flag: "a" });
    } catch {
      // Smaller pieces may still fit.
    }
  }
}
