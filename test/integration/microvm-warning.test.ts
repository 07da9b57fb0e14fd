/** Where machines boot instead of going on from a snapshot, whoever runs Whiskers is told so. */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import type { SpawnSyncReturns } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, suite, test } from "node:test";

import { shareRoot } from "../fixtures/base-root.ts";
import { debianKernel } from "../fixtures/debian-kernel.ts";
import { whyNoMachine } from "../fixtures/debian-machine.ts";
import { eventually } from "../fixtures/eventually.ts";
import { startSupervisor } from "../fixtures/supervisor-process.ts";

const MAIN = new URL("../../src/cli/main.ts", import.meta.url).pathname;
const MANIFEST = { id: "looks", name: "Looks", environment: "python:3.11", entrypoint: "normalize" };

suite("a folder of snapshots that cannot be written", { skip: whyNoMachine() ?? false }, () => {
  const home = mkdtempSync(path.join(tmpdir(), "whiskers-microvm-warning-"));
  const snapshots = path.join(home, "runtimes/microvm/snapshots");
  const [folder, raw] = [path.join(home, "looks"), path.join(home, "raw")];
  let env: Readonly<Record<string, string>>;
  before(async () => {
    await shareRoot(home, "python:3.11");
    mkdirSync(folder);
    writeFileSync(path.join(folder, "normalizer.json"), JSON.stringify(MANIFEST));
    writeFileSync(path.join(folder, "normalize.py"), "def run(meta, raw): return []");
    writeFileSync(raw, "");
    mkdirSync(snapshots, { recursive: true });
    execFileSync("mount", ["-t", "tmpfs", "-o", "ro", "tmpfs", snapshots]);
    env = {
      WHISKERS_HOME: home,
      WHISKERS_RUNTIME: "microvm",
      WHISKERS_MICROVM_KERNEL: process.env["WHISKERS_MICROVM_KERNEL"] ?? (await debianKernel()),
    };
  });
  after(() => {
    execFileSync("umount", ["-l", snapshots]);
    rmSync(home, { recursive: true, force: true });
  });
  const whiskers = (...args: readonly string[]): SpawnSyncReturns<string> =>
    spawnSync(process.execPath, [MAIN, ...args], { encoding: "utf8", env: { ...process.env, ...env } });
  const words = `no snapshot can be made, and a machine that boots takes more than twenty times as long: whoever runs Whiskers has to be able to write in ${snapshots}: the file system is read-only`;
  const warning = `${words}. It is tried again in ten minutes`;

  test("whiskers run warns once, and runs", () => {
    const { status, stdout, stderr } = whiskers("run", folder, raw, raw, "--state", "fresh");
    assert.equal(status, 0, stdout + stderr);
    assert.equal(stderr, `warning: ${warning}\n`);
  });

  test("the supervisor's log has it", async (t) => {
    const submit = whiskers("submit", folder, raw);
    assert.equal(submit.status, 0, submit.stderr);
    const supervisor = await startSupervisor({
      mock: null,
      home,
      databaseUrl: null,
      env: { ...env, WHISKERS_STATE: "fresh", WHISKERS_NORMALIZERS: folder, WHISKERS_SLOTS: "1" },
    });
    t.after(() => supervisor.kill());
    const ends = (): number => supervisor.log.filter(({ msg }) => msg === "run succeeded").length;
    await eventually("it is run", () => ends() === 1, 120_000);
    const told = supervisor.log.filter(({ level }) => level === "warn" || level === "error");
    assert.deepEqual(
      told.map(({ msg }) => msg),
      [warning],
    );
  });

  test("whiskers doctor has it as advice", () => {
    const { stdout } = whiskers("doctor", "--json");
    const { runtimes } = JSON.parse(stdout) as {
      readonly runtimes: readonly { readonly name: string; readonly advice: readonly string[] }[];
    };
    const advice = runtimes.find(({ name }) => name === "microvm")?.advice ?? [];
    assert.ok(advice.includes(words), advice.join("\n"));
  });
});
