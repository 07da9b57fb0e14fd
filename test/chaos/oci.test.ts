/** Runners of containers killed by SIGKILL at any moment: the next one leaves nothing of theirs behind. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { chownSync, globSync, mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { it } from "node:test";
import { setTimeout as delay } from "node:timers/promises";

import { saveResult } from "../../bench/save-result.ts";
import { USUAL_PATH } from "../../src/domain/usual-path.ts";
import { createOciDriver } from "../../src/sandbox/drivers/oci/create-oci-driver.ts";
import { argumentsOf, isSameAlive, listTree, startOf } from "../../src/sandbox/drivers/process-tree.ts";
import { eventually } from "../fixtures/eventually.ts";
import { asNobody, NOBODY, othersMayRead } from "../fixtures/ordinary-user.ts";

const KILLS = Number(process.env["WHISKERS_TEST_KILLS"] ?? 6);
const SDK = path.resolve(import.meta.dirname, "../../sdk");
const SCRIPT = path.resolve(import.meta.dirname, "../fixtures/oci-process.ts");

for (const runtime of ["runc", "runsc"]) {
  it(`${runtime}: nothing is left of runners that were killed`, { timeout: 30 * 60_000 }, async (t) => {
    const stateDirectory = mkdtempSync(path.join(tmpdir(), "whiskers-reaper-"));
    t.after(() => {
      rmSync(stateDirectory, { recursive: true, force: true });
    });
    const driver = () => createOciDriver({ stateDirectory, sdkFolder: SDK, runtime });
    const probe = await driver().probe();
    if (!probe.available) {
      t.skip(probe.reason);
      return;
    }
    const mountsBefore = countMounts();
    const killed: number[] = [];
    let leftBehind = 0;
    const kills = runtime === "runc" ? KILLS : Math.ceil(KILLS / 2);
    const startedMs = performance.now();
    for (let kill = 0; kill < kills; kill += 1) {
      killed.push(await runAndKill(stateDirectory, runtime, kill));
      leftBehind += tracesIn(stateDirectory, killed).length;
    }
    // A new process would do the same: this driver has not been set up before.
    await driver().probe();
    assert.deepEqual(tracesIn(stateDirectory, killed), []);
    assert.ok(countMounts() <= mountsBefore, "mounts were left behind");
    assert.ok(leftBehind > 0, "the killed left something: else this shows nothing");
    const seconds = Math.round(performance.now() - startedMs) / 1000;
    const command = `WHISKERS_TEST_KILLS=${KILLS} node --test test/chaos/oci.test.ts`;
    if (process.env["WHISKERS_TEST_SAVE"] !== undefined)
      saveResult("kills", `oci-${runtime}`, {
        command,
        kills,
        seconds,
        tracesOfTheKilled: leftBehind,
        left: 0,
      });
  });
}

function guestsOf({ pid = 0 }: ChildProcess): readonly number[] {
  return listTree(pid).filter((one) => argumentsOf(one)[0] === "sleep");
}

const whyNotAsNobody =
  process.geteuid?.() !== 0
    ? "it becomes another user"
    : !othersMayRead(SCRIPT) || !othersMayRead(process.execPath)
      ? "the checkout lies where only root can read"
      : false;

it(
  "nothing is left of an ordinary user's runner that was killed, who has no cgroups",
  { skip: whyNotAsNobody },
  async (t) => {
    const stateDirectory = mkdtempSync(path.join(tmpdir(), "whiskers-reaper-"));
    t.after(() => {
      rmSync(stateDirectory, { recursive: true, force: true });
    });
    chownSync(stateDirectory, NOBODY, NOBODY);
    const start = (what: string): ChildProcess => {
      const node = [process.execPath, "--no-warnings", SCRIPT, stateDirectory, "runc", what];
      const [program = "", ...args] = asNobody(node);
      const env = { PATH: USUAL_PATH, HOME: "/nonexistent" };
      return spawn(program, args, { stdio: ["ignore", "pipe", "inherit"], env });
    };
    const said = async (child: ChildProcess): Promise<string> =>
      (await child.stdout?.toArray())?.join("") ?? "";
    const before = await said(start("tidy"));
    if (before !== "available\n") {
      t.skip(before);
      return;
    }
    const runner = start("hold");
    await eventually("its guests are there", () => guestsOf(runner).length === 2);
    const started = listTree(runner.pid ?? 0).map((pid) => [pid, startOf(pid)] as const);
    runner.kill("SIGKILL");
    await once(runner, "exit");
    const living = (): readonly number[] =>
      started.flatMap(([pid, at]) => (isSameAlive(pid, at) ? [pid] : []));
    assert.notDeepEqual(living(), [], "the killed left something: else this shows nothing");
    await said(start("tidy"));
    try {
      assert.deepEqual(living().map(argumentsOf), []);
    } finally {
      for (const pid of living()) process.kill(pid, "SIGKILL");
    }
  },
);

/** @returns its pid */
async function runAndKill(stateDirectory: string, runtime: string, kill: number): Promise<number> {
  const child = spawn(process.execPath, ["--no-warnings", SCRIPT, stateDirectory, runtime], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = once(child, "exit");
  await Promise.race([once(child.stdout, "data"), ended]);
  // At a different moment of its work each time.
  await delay((kill * 37) % 150);
  child.kill("SIGKILL");
  await ended;
  return child.pid ?? 0;
}

/** What there is of containers of these processes, wherever it can be. Others on this machine run sandboxes too. */
function tracesIn(stateDirectory: string, killed: readonly number[]): readonly string[] {
  const folders = ["oci/bundles", "oci/records"].flatMap((folder) =>
    readdirSync(path.join(stateDirectory, folder)).filter((name) => name.startsWith("whiskers-")),
  );
  const cgroups = killed.flatMap((pid) => globSync(`/sys/fs/cgroup/**/whiskers-*-${pid}-*`));
  const processes = readdirSync("/proc").filter((pid) => {
    try {
      return /^\d+$/u.test(pid) && readFileSync(`/proc/${pid}/cmdline`, "latin1").includes(stateDirectory);
    } catch {
      return false;
    }
  });
  return [...folders, ...cgroups, ...processes.map((pid) => `process ${pid}`)];
}

function countMounts(): number {
  return readFileSync("/proc/self/mountinfo", "utf8").trim().split("\n").length;
}
