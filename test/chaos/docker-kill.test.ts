import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { globSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";

import { saveResult } from "../../bench/save-result.ts";
import { createDockerDriver } from "../../src/sandbox/drivers/docker/create-docker-driver.ts";
import { Engine } from "../../src/sandbox/drivers/docker/engine.ts";
import { startDockerEngine, whyNoDockerEngine } from "../fixtures/docker-engine.ts";
import { eventually } from "../fixtures/eventually.ts";

/** At least; more when there have to be more kills. */
const RUNS = 200;
const KILLS = Number(process.env["WHISKERS_TEST_KILLS"] ?? 1);
const AT_ONCE = 10;
/** From the moment that it begins to run, milliseconds: before, in and after making, starting and removing. */
const LIVES_MS = 2000;
const RUNNER = path.resolve(import.meta.dirname, "../fixtures/docker-runner.ts");

test(
  `${RUNS} runs whose runner is killed in the middle: the next start leaves nothing of them`,
  { skip: whyNoDockerEngine(), timeout: 400_000 + KILLS * 10_000 },
  async (t) => {
    const folder = mkdtempSync(path.join(tmpdir(), "whiskers-kill-"));
    const stateDirectory = path.join(folder, "state");
    mkdirSync(path.join(folder, "package"));
    const mark = String(1000 + Math.floor(Math.random() * 8_000_000));
    const engine = await startDockerEngine();
    const docker = new Engine(engine.socket);
    try {
      let begun = 0;
      let deaths = 0;
      let leftRunning = 0;
      const startedMs = performance.now();
      while (begun < RUNS || deaths < KILLS) {
        const args = [engine.socket, stateDirectory, path.join(folder, "package"), String(AT_ONCE), mark];
        const runner = spawn(process.execPath, [RUNNER, ...args], { stdio: ["ignore", "pipe", "inherit"] });
        let said = "";
        runner.stdout.setEncoding("utf8").on("data", (text: string) => (said += text));
        const over = once(runner, "close");
        await eventually("the runner is ready", () => said.includes("ready") || runner.exitCode !== null);
        await delay(Math.random() * LIVES_MS);
        runner.kill("SIGKILL");
        await over;
        begun += said.split("run\n").length - 1 + AT_ONCE;
        deaths += 1;
        if ((await containers(docker)).length > 0) leftRunning += 1;
      }
      t.diagnostic(`${begun} runs, ${deaths} kills, of which ${leftRunning} left containers behind`);
      assert.ok(leftRunning > 0, "the test has to leave something to be removed");

      // What the engine was asked for by one that is dead it still makes: a start that is earlier finds it the next time.
      await settled(docker);
      const next = createDockerDriver({
        stateDirectory,
        sdkFolder: path.resolve(import.meta.dirname, "../../sdk"),
        host: `unix://${engine.socket}`,
      });
      assert.equal((await next.probe()).available, true);
      assert.deepEqual(await containers(docker), []);
      assert.deepEqual(
        readdirSync(stateDirectory).filter((name) => name.startsWith("whiskers-")),
        [],
      );
      assert.deepEqual(globSync("/sys/fs/cgroup/{,*/}docker/*/").filter(isOf(engine.folder)), []);
      assert.deepEqual(processesWith(mark), []);
      const mounts = readFileSync("/proc/self/mountinfo", "utf8").split("\n");
      assert.deepEqual(
        mounts.filter((line) => line.includes(`${engine.folder}/data/overlay2`)),
        [],
      );
      const seconds = Math.round(performance.now() - startedMs) / 1000;
      const command = `WHISKERS_TEST_KILLS=${KILLS} node --test test/chaos/docker-kill.test.ts`;
      const figures = { command, runs: begun, kills: deaths, leftRunning, seconds, left: 0 };
      if (process.env["WHISKERS_TEST_SAVE"] !== undefined) saveResult("kills", "docker-runc", figures);
    } finally {
      await docker.close();
      await engine.close();
      rmSync(folder, { recursive: true, force: true });
    }
  },
);

/** Until the engine has made no other container for some time. */
async function settled(engine: Engine): Promise<void> {
  for (let before = -1, now = (await containers(engine)).length; now !== before;) {
    before = now;
    await delay(SETTLED_MS);
    now = (await containers(engine)).length;
  }
}

const SETTLED_MS = 3000;

async function containers(engine: Engine): Promise<readonly unknown[]> {
  const filters = JSON.stringify({ label: ["whiskers.sandbox"] });
  const listed = await engine.ask("GET", "/containers/json", { query: { all: "1", filters } });
  assert.ok(Array.isArray(listed));
  return listed;
}

/** Other engines of this machine have control groups of their own in the same place. */
function isOf(folder: string): (cgroup: string) => boolean {
  const ours = readdirSync(path.join(folder, "data/containers"));
  return (cgroup) => ours.includes(path.basename(cgroup));
}

function processesWith(mark: string): readonly number[] {
  return readdirSync("/proc")
    .map(Number)
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, "latin1").split("\0").includes(mark);
      } catch {
        return false;
      }
    });
}
