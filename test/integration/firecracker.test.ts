/**
 * Firecracker as the `microvm` runtime's monitor. Its guests here are those of the strict stand-in
 * (`test/fixtures/fake-firecracker.ts`), and, where there is a real Firecracker, a guest of a few instructions.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { text } from "node:stream/consumers";
import { after, suite, test } from "node:test";

import { isStaleSandbox } from "../../src/sandbox/cgroup/owner.ts";
import { jailsIn } from "../../src/sandbox/drivers/microvm/firecracker/jail.ts";
import { findFirecracker } from "../../src/sandbox/drivers/microvm/firecracker/find-firecracker.ts";
import type { RunningMachine } from "../../src/sandbox/drivers/microvm/monitor.ts";
import { probeMachine } from "../../src/sandbox/drivers/microvm/probe-machine.ts";
import { provideSnapshot } from "../../src/sandbox/drivers/microvm/snapshots.ts";
import { reap } from "../../src/sandbox/drivers/microvm/reap.ts";
import { setUp } from "../../src/sandbox/drivers/microvm/set-up.ts";
import { listByArgument } from "../../src/sandbox/drivers/process-tree.ts";
import { encodeFrame, FRAME } from "../../src/sandbox/frames.ts";
import { debianKernel } from "../fixtures/debian-kernel.ts";
import { whyNoMachine } from "../fixtures/debian-machine.ts";
import { eventually } from "../fixtures/eventually.ts";
import { fakeFirecracker, realFirecracker, shortKernel, tickingKernel } from "../fixtures/firecracker.ts";
import { firecrackerHost, openFirecracker } from "../fixtures/firecracker-host.ts";
import { NOBODY } from "../fixtures/ordinary-user.ts";

const whyNotRoot = process.geteuid?.() === 0 ? false : "only root has a jailer, and files of others";
const isLinux = process.platform === "linux" && process.arch === "x64";
const folder = mkdtempSync(path.join(tmpdir(), "whiskers-firecracker-"));
after(() => {
  rmSync(folder, { recursive: true, force: true });
});

function home(): string {
  // Longer than the address of a Unix socket may be.
  const long = path.join(mkdtempSync(path.join(folder, "home-")), "a".repeat(120));
  mkdirSync(long, { recursive: true });
  return long;
}

async function fakeHost(fault = "none"): ReturnType<typeof firecrackerHost> {
  const here = home();
  return firecrackerHost(fakeFirecracker(here, fault), tickingKernel(), path.join(here, "state"));
}

function jailed(stateDirectory: string): readonly string[] {
  const jails = path.join(jailsIn(stateDirectory), "firecracker");
  return existsSync(jails) ? readdirSync(jails) : [];
}

const linux = { skip: isLinux ? false : "Firecracker is for Linux", concurrency: true };
suite("Firecracker as monitor: the stand-in", linux, () => {
  test("the guest's three streams, its end of input, its end, and nothing is left", async () => {
    const host = await fakeHost();
    const sandbox = await openFirecracker(host);
    assert.equal(jailed(host.stateDirectory).length, 1);
    const given = "x".repeat(300_000);
    sandbox.input.end(given);
    const [output, errors] = await Promise.all([text(sandbox.output), text(sandbox.errors)]);
    assert.equal(output, given);
    assert.equal(errors, "300000 bytes");
    const ending = await sandbox.ended;
    assert.deepEqual(ending, { exitCode: 7, signal: null, outOfMemory: false, runtimeError: null });
    await sandbox.close();
    assert.deepEqual(jailed(host.stateDirectory), []);
  });

  test("one that takes its time is waited for", async () => {
    const sandbox = await openFirecracker(await fakeHost("slow"));
    sandbox.input.end("here");
    assert.equal(await text(sandbox.output), "here");
    sandbox.errors.resume();
    await sandbox.close();
  });

  test("a machine that cannot be started says why, in Firecracker's words, and leaves nothing", async () => {
    const cases: Readonly<Record<string, RegExp>> = {
      refuses: /PUT \/actions: Start microvm error: Internal error: the processor is not for hire$/u,
      dies: /PUT \/actions: .*: Error: it died of this$/u,
      hangs: /PUT \/actions: .*(?:timeout|aborted)/u,
    };
    await Promise.all(
      Object.entries(cases).map(async ([fault, message]) => {
        const host = await fakeHost(fault);
        await assert.rejects(openFirecracker(host), { code: "sandbox-failed", message });
        assert.deepEqual(jailed(host.stateDirectory), []);
      }),
    );
  });

  test("a program that is none, and one that never listens", async () => {
    const here = home();
    const none = path.join(here, "firecracker");
    writeFileSync(none, "#!/bin/sh\necho no >&2\nexit 3\n", { mode: 0o755 });
    const { jailer } = fakeFirecracker(home());
    const host = await firecrackerHost({ firecracker: none, jailer }, tickingKernel(), here);
    await assert.rejects(openFirecracker(host), {
      code: "sandbox-failed",
      message: /Firecracker ended before its API was there: no$/u,
    });
    await assert.rejects(openFirecracker(await fakeHost("silent")), {
      message: /its API did not answer within \d+ ms/u,
    });
  });

  test("a guest that does not come is told as every machine's that does not boot, and its console is kept", async () => {
    const host = await fakeHost("deaf");
    const sandbox = await openFirecracker(host, { startMs: 400 });
    const { runtimeError } = await sandbox.ended;
    await sandbox.close();
    assert.match(runtimeError ?? "", /^Firecracker 1\.16\.1: the machine did not boot in time: its kernel/u);
    const file = /its console: (\S+)$/u.exec(runtimeError ?? "")?.[1] ?? "";
    assert.match(readFileSync(file, "utf8"), /Linux version/u);
  });

  test("a machine that is looked at and does not come up is not said to have booted", async () => {
    const probed = await probeMachine(await fakeHost("deaf"), 400);
    assert.ok(!probed.works);
    assert.match(probed.reason, /^Firecracker 1\.16\.1: the machine did not boot in time: its kernel/u);
  });

  test("a machine is saved, and goes on in another process as often as it is asked to", async () => {
    const host = await fakeHost();
    const ready = Buffer.concat(encodeFrame(FRAME.ready, 0, Buffer.from(JSON.stringify({ fork: true }))));
    const subject = {
      parts: [],
      memoryBytes: 128 * 1024 * 1024,
      startMs: 60_000,
      start: async (to: string, mark: string, userId: number | null) => {
        const saved = await openFirecracker(host, {}, { as: "saved", folder: to, mark, userId });
        saved.input.write(ready);
        return saved;
      },
    };
    const snapshot = await provideSnapshot(subject, host);
    assert.ok(snapshot !== null);
    for (const said of ["once", "twice"]) {
      const sandbox = await openFirecracker(host, {}, { as: "restored", ...snapshot });
      assert.equal(await sandbox.whyNotOn, null);
      sandbox.input.end(said);
      assert.equal(await text(sandbox.output), `${ready.toString()}${said}`);
      sandbox.errors.resume();
      assert.equal((await sandbox.ended).exitCode, 7);
      await sandbox.close();
    }
    writeFileSync(path.join(snapshot.folder, "state"), "damaged");
    const sandbox = await openFirecracker(host, {}, { as: "restored", ...snapshot });
    assert.match((await sandbox.whyNotOn) ?? "", /./u);
    await sandbox.close();
    assert.deepEqual(jailed(host.stateDirectory), []);
  });

  test(
    "what somebody who broke into it left for a saved machine's memory is not followed",
    { skip: whyNotRoot },
    async () => {
      const host = await fakeHost();
      const victim = path.join(host.stateDirectory, "victim");
      writeFileSync(victim, "somebody's", { mode: 0o640 });
      chownSync(victim, NOBODY, NOBODY);
      const saved = path.join(host.stateDirectory, "saved");
      mkdirSync(saved);
      const sandbox = await openFirecracker(
        host,
        {},
        { as: "saved", folder: saved, mark: "m", userId: null },
      );
      const jail = path.join(jailsIn(host.stateDirectory), "firecracker", sandbox.id, "root");
      symlinkSync(victim, path.join(jail, "memory"));
      await sandbox.save();
      await sandbox.close();
      const { uid, mode } = statSync(victim);
      assert.deepEqual([uid, mode & 0o777], [NOBODY, 0o640]);
      assert.ok(lstatSync(path.join(saved, "memory")).isSymbolicLink());
    },
  );

  test("a runner that is killed takes its machine along, and the next one removes the jail", async () => {
    const here = home();
    const runner = spawn(
      process.execPath,
      [path.resolve(import.meta.dirname, "../fixtures/firecracker-runner.ts"), here],
      { stdio: ["ignore", "pipe", "inherit"] },
    );
    const [line] = (await once(runner.stdout, "data")) as [Buffer];
    const id = line.toString().trim();
    assert.ok(listByArgument(id).length > 0);
    runner.kill("SIGKILL");
    await once(runner, "exit");
    await eventually("its machine is gone", () => listByArgument(id).length === 0, 5000);
    assert.ok(isStaleSandbox(id));
    assert.deepEqual(jailed(path.join(here, "state")), [id]);
    await reap(path.join(here, "state"));
    assert.deepEqual(jailed(path.join(here, "state")), []);
  });
});

suite("Firecracker is chosen where it can be", () => {
  test(
    "a link to it, as its releases are installed, is used as what it leads to",
    { skip: existsSync("/dev/kvm") ? whyNotRoot : "there is no /dev/kvm here" },
    async () => {
      const here = home();
      const { firecracker } = fakeFirecracker(here);
      const names = ["firecracker", "jailer"].map((name) => `${name}-v1.16.1-x86_64`);
      for (const [index, name] of ["firecracker", "jailer"].entries())
        renameSync(path.join(here, name), path.join(here, names[index] ?? ""));
      const links = path.join(here, "bin");
      mkdirSync(links);
      symlinkSync(path.join(here, names[0] ?? ""), path.join(links, path.basename(firecracker)));
      const state = path.join(here, "state");
      const found = await findFirecracker(null, `${links}:${process.env["PATH"] ?? ""}`, state);
      assert.ok(found.monitor !== null, JSON.stringify(found));
      const host = {
        ...(await firecrackerHost(fakeFirecracker(here), tickingKernel(), state)),
        monitor: found.monitor,
      };
      const sandbox = await openFirecracker(host);
      sandbox.input.end("here");
      assert.equal(await text(sandbox.output), "here");
      sandbox.errors.resume();
      await sandbox.close();
      assert.deepEqual(readdirSync(path.join(jailsIn(state), names[0] ?? "")), []);
    },
  );

  test("what stands in its way is named", async () => {
    const here = home();
    const { firecracker } = fakeFirecracker(here);
    const searchPath = process.env["PATH"] ?? "";
    const old = path.join(here, "old-firecracker");
    writeFileSync(old, "#!/bin/sh\necho Firecracker v1.7.0\n", { mode: 0o755 });
    const why = async (named: string): Promise<string> => {
      const found = await findFirecracker(named, searchPath, here);
      return found.monitor === null ? found.reason : "nothing";
    };
    assert.match(await why(old), /^Firecracker 1\.7\.0 is too old: it has to be 1\.8 or later$/u);
    assert.match(await why("/bin/true"), /does not say which version it is/u);
    assert.match(await why("/nonexistent/firecracker"), /does not say which version it is: .*ENOENT/u);
    if (!existsSync("/dev/kvm")) assert.match(await why(firecracker), /there is no \/dev\/kvm/u);
    else if (process.geteuid?.() === 0) {
      rmSync(path.join(here, "jailer"));
      const alone = await findFirecracker(firecracker, "/nonexistent", here);
      assert.ok(alone.monitor === null);
      assert.match(alone.reason, /is not run as root without its jailer/u);
    }
  });

  test(
    "one with which no machine boots says so when it was asked for",
    { skip: whyNoMachine() ?? (existsSync("/dev/kvm") ? false : "there is no /dev/kvm here") },
    async () => {
      const here = home();
      const found = await setUp({
        stateDirectory: path.join(here, "state"),
        sdkFolder: path.resolve(import.meta.dirname, "../../sdk"),
        diskImage: () => Promise.reject(new Error("no disks are made here")),
        kernel: await debianKernel(),
        monitor: "firecracker",
        firecracker: fakeFirecracker(here, "refuses").firecracker,
      });
      assert.ok(!found.available);
      assert.match(
        found.reason,
        /^Firecracker 1\.16\.1: cannot start a virtual machine: PUT \/actions: .*not for hire/u,
      );
    },
  );
});

const real = realFirecracker();
suite(
  "Firecracker as monitor: the real one",
  { skip: real === null ? "no firecracker is on the PATH, and WHISKERS_FIRECRACKER names none" : false },
  () => {
    test("a guest of a few instructions: its console, its end, and nothing is left", async (t) => {
      assert.ok(real !== null);
      t.diagnostic(`with ${real.jailer === null ? "no jailer" : "its jailer"}`);
      const host = await firecrackerHost(real, shortKernel(), home());
      try {
        const sandbox = await openFirecracker(host);
        const { runtimeError } = await sandbox.ended;
        await sandbox.close();
        assert.match(runtimeError ?? "", /the monitor ended with status 0 while the machine booted/u);
        const file = /its console: (\S+)$/u.exec(runtimeError ?? "")?.[1] ?? "";
        assert.equal(readFileSync(file, "utf8"), ".");
      } catch (error) {
        assert.match(String(error), /kvm/iu);
        t.diagnostic(`NOT PROVED HERE: any guest, for this machine's KVM does not work: ${String(error)}`);
      }
      assert.deepEqual(jailed(host.stateDirectory), []);
    });

    test("a guest of a few instructions is saved, and goes on in two others at once", async (t) => {
      assert.ok(real !== null);
      const host = await firecrackerHost(real, tickingKernel(), home());
      const saved = path.join(host.stateDirectory, "saved");
      mkdirSync(saved);
      const start = (as: "saved" | "restored"): Promise<RunningMachine> =>
        host.monitor.start({
          name: host.nextName(),
          kernel: host.kernel.file,
          initramfs: host.initramfs,
          kernelArguments: "",
          disks: [],
          memoryBytes: 32 * 1024 * 1024,
          cpus: 1,
          enterFiles: [],
          userId: null,
          snapshot: { folder: saved, as },
        });
      let first: RunningMachine;
      try {
        first = await start("saved");
      } catch (error) {
        assert.match(String(error), /kvm/iu);
        t.diagnostic(`NOT PROVED HERE: any guest, for this machine's KVM does not work: ${String(error)}`);
        return;
      }
      const ticks = (machine: RunningMachine): Promise<void> =>
        eventually("it says something", () => machine.console().includes("."));
      await ticks(first);
      await first.save();
      first.kill();
      await first.ended;
      const others = await Promise.all([start("restored"), start("restored")]);
      for (const machine of others) {
        await machine.restored;
        await ticks(machine);
      }
      for (const machine of others) machine.kill();
      for (const machine of others) assert.equal((await machine.ended).signal, "SIGKILL");
      assert.deepEqual(jailed(host.stateDirectory), []);
    });

    test("Debian's kernel and our init, or why not", { skip: whyNoMachine() ?? false }, async (t) => {
      const found = await setUp({
        stateDirectory: path.join(home(), "state"),
        sdkFolder: path.resolve(import.meta.dirname, "../../sdk"),
        diskImage: () => Promise.reject(new Error("no disks are made here")),
        kernel: await debianKernel(),
        monitor: "firecracker",
        firecracker: real?.firecracker ?? null,
      });
      if (found.available) assert.match(found.host.version, /^Firecracker \d/u);
      else t.diagnostic(`NOT PROVED HERE: a guest in Firecracker: ${found.reason}`);
    });
  },
);
