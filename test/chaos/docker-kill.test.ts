import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { globSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { setTimeout as delay } from "node:timers/promises";

import { saveResult } from "../../bench/save-result.ts";
import { createDockerDriver } from "../../src/sandbox/drivers/docker/create-docker-driver.ts";
import { Engine } from "../../src/sandbox/drivers/docker/engine.ts";
import { listByArgument } from "../../src/sandbox/drivers/process-tree.ts";
import { startDockerEngine, whyNoDockerEngine } from "../fixtures/docker-engine.ts";
import { eventually } from "../fixtures/eventually.ts";
import { startPodman, whyNoPodman } from "../fixtures/podman-service.ts";

const KILLS = Number(process.env["WHISKERS_TEST_KILLS"] ?? 1);
const isAsked = process.env["WHISKERS_TEST_KILLS"] !== undefined;
const AT_ONCE = 10;
/** From the moment that it begins to run, milliseconds: before, in and after making, starting and removing. */
const LIVES_MS = 2000;
/** On a busy machine Podman takes half a minute to say what it is and to run a first guest. */
const READY_TIMEOUT_MS = 120_000;
const RUNNER = path.resolve(import.meta.dirname, "../fixtures/docker-runner.ts");

interface TestedEngine {
  readonly name: string;
  /** At least; more when there have to be more kills. Podman takes longer to start and remove one. */
  readonly runs: number;
  readonly skip: string | undefined;
  start(): Promise<{ readonly socket: string; readonly folder: string; close(): Promise<void> }>;
  /** Control groups of its containers. */
  readonly cgroups: string;
  /** Holds the roots of its containers, in its folder. */
  readonly roots: string;
}

const ENGINES: readonly TestedEngine[] = [
  {
    name: "Docker",
    runs: 200,
    skip: whyNoDockerEngine(),
    start: startDockerEngine,
    cgroups: "/sys/fs/cgroup/{,*/}docker/*/",
    roots: "data/overlay2",
  },
  {
    name: "Podman",
    runs: 20,
    skip: isAsked ? whyNoPodman() : "it takes half a minute: WHISKERS_TEST_KILLS=20 or so",
    start: startPodman,
    cgroups: "/sys/fs/cgroup/{,*/}libpod_parent/libpod-*/",
    // Podman mounts the folder itself on itself.
    roots: "root/overlay/",
  },
];

for (const tested of ENGINES) {
  const skip = tested.skip ?? false;
  test(
    `${tested.name}: ${tested.runs} runs whose runner is killed in the middle: the next start leaves nothing of them`,
    { skip, timeout: 400_000 + KILLS * 10_000 },
    async (t) => {
      await killAndLook(tested, t);
    },
  );
}

async function killAndLook(tested: TestedEngine, t: TestContext): Promise<void> {
  const folder = mkdtempSync(path.join(tmpdir(), "whiskers-kill-"));
  const stateDirectory = path.join(folder, "state");
  mkdirSync(path.join(folder, "package"));
  const mark = String(1000 + Math.floor(Math.random() * 8_000_000));
  const engine = await tested.start();
  const docker = new Engine(engine.socket);
  try {
    let begun = 0;
    let deaths = 0;
    let leftRunning = 0;
    const seen = new Set<string>();
    const startedMs = performance.now();
    while (begun < tested.runs || deaths < KILLS) {
      const args = [engine.socket, stateDirectory, path.join(folder, "package"), String(AT_ONCE), mark];
      const runner = spawn(process.execPath, [RUNNER, ...args], { stdio: ["ignore", "pipe", "inherit"] });
      let said = "";
      runner.stdout.setEncoding("utf8").on("data", (text: string) => (said += text));
      const over = once(runner, "close");
      const isReady = (): boolean => said.includes("ready") || runner.exitCode !== null;
      await eventually("the runner is ready", isReady, READY_TIMEOUT_MS);
      await delay(Math.random() * LIVES_MS);
      runner.kill("SIGKILL");
      await over;
      begun += said.split("run\n").length - 1 + AT_ONCE;
      deaths += 1;
      const left = await containers(docker);
      for (const id of left) seen.add(id);
      if (left.length > 0) leftRunning += 1;
    }
    t.diagnostic(`${begun} runs, ${deaths} kills, of which ${leftRunning} left containers behind`);
    assert.ok(leftRunning > 0, "the test has to leave something to be removed");

    // What the engine was asked for by one that is dead it still makes: a start that is earlier finds it the next time.
    for (const id of await settled(docker)) seen.add(id);
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
    assert.deepEqual(
      globSync(tested.cgroups).filter((cgroup) => seen.has(idIn(cgroup))),
      [],
    );
    assert.deepEqual(listByArgument(mark), []);
    // What an engine starts beside a container ends a moment after it.
    await eventually("nothing knows of the containers", () =>
      [...seen].every((id) => listByArgument(id).length === 0),
    );
    const mounts = readFileSync("/proc/self/mountinfo", "utf8").split("\n");
    assert.deepEqual(
      mounts.filter((line) => line.includes(path.join(engine.folder, tested.roots))),
      [],
    );
    const seconds = Math.round(performance.now() - startedMs) / 1000;
    const command = `WHISKERS_TEST_KILLS=${KILLS} node --test test/chaos/docker-kill.test.ts`;
    const figures = { command, runs: begun, kills: deaths, leftRunning, seconds, left: 0 };
    if (process.env["WHISKERS_TEST_SAVE"] !== undefined)
      saveResult("kills", tested.name === "Docker" ? "docker-runc" : "podman-runc", figures);
  } finally {
    await docker.close();
    await engine.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Until the engine has made no other container for some time. */
async function settled(engine: Engine): Promise<readonly string[]> {
  let now = await containers(engine);
  let before: readonly string[];
  do {
    before = now;
    await delay(SETTLED_MS);
    now = await containers(engine);
  } while (now.length !== before.length);
  return now;
}

const SETTLED_MS = 3000;

async function containers(engine: Engine): Promise<readonly string[]> {
  const filters = JSON.stringify({ label: ["whiskers.sandbox"] });
  const listed = await engine.ask("GET", "/containers/json", { query: { all: "1", filters } });
  assert.ok(Array.isArray(listed));
  return (listed as { readonly Id: string }[]).map(({ Id: id }) => id);
}

/** Other engines of this machine have control groups of their own in the same place. */
function idIn(cgroup: string): string {
  return path.basename(cgroup).replace(/^libpod-/u, "");
}
