import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, suite, test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";

import { fakeHost, fakeLimits, fakePrepared, READY } from "../../../../test/fixtures/fake-machine.ts";
import type { FakeMachine } from "../../../../test/fixtures/fake-machine.ts";
import type { Monitor } from "./monitor.ts";
import { openGuest } from "./open.ts";
import type { MicrovmSandbox } from "./sandbox.ts";
import { snapshotsOf } from "./snapshots.ts";

const isRoot = process.geteuid?.() === 0;

suite("guests of machines, without a monitor", { skip: process.platform !== "linux" }, () => {
  const folder = mkdtempSync(path.join(tmpdir(), "whiskers-open-"));
  chmodSync(folder, 0o755);
  after(() => {
    rmSync(folder, { recursive: true });
  });
  const home = (): string => mkdtempSync(path.join(folder, "home-"));
  const snapshotsIn = (stateDirectory: string): readonly string[] =>
    readdirSync(snapshotsOf(stateDirectory)).filter((name) => !name.startsWith("."));

  interface Opening {
    readonly ways: readonly string[];
    readonly warnings: readonly string[];
    readonly sandbox: MicrovmSandbox;
    readonly machine: FakeMachine;
  }
  /** Opens one, and tells how its machines were started; `act` may do something to each, before its guest is ready. */
  const open = async (
    stateDirectory: string,
    act: (machine: FakeMachine, how: string) => void = () => {},
    monitor: Partial<Monitor> = {},
    startMs = 4000,
  ): Promise<Opening> => {
    const machines: FakeMachine[] = [];
    const ways: string[] = [];
    const host = await fakeHost(
      stateDirectory,
      (machine) => {
        const how = machine.machine.snapshot?.as ?? "booted";
        ways.push(how);
        machines.push(machine);
        act(machine, how);
        if (how !== "restored") machine.output.write(READY);
      },
      monitor,
    );
    const request = { state: "fresh", limits: fakeLimits({ startMs }), files: [] } as const;
    const sandbox = await openGuest(fakePrepared(), request, host);
    const machine = machines.at(-1);
    assert.ok(machine !== undefined);
    return { ways, warnings: host.warnings, sandbox, machine };
  };
  const waysOf = async (...args: Parameters<typeof open>): Promise<readonly string[]> => {
    const { ways, sandbox } = await open(...args);
    await sandbox.close();
    return ways;
  };

  test("a snapshot is made once, and used only with what it was made with", async () => {
    const state = home();
    assert.deepEqual(await waysOf(state), ["saved", "restored"]);
    assert.deepEqual(await waysOf(state), ["restored"]);
    assert.deepEqual(await waysOf(state, undefined, { settings: "-cpu other" }), ["saved", "restored"]);
    assert.equal(snapshotsIn(state).length, 2);
    assert.deepEqual(await waysOf(state), ["restored"]);
  });

  test("nor on another processor, nor after a restart, which may have lost what was not on the disk yet", async () => {
    const ways: string[] = [];
    const host = await fakeHost(home(), (machine) => {
      ways.push(machine.machine.snapshot?.as ?? "booted");
      if (ways.at(-1) !== "restored") machine.output.write(READY);
    });
    assert.match(host.processor, /^model name.*\nflags.*\bsse2\b/u);
    assert.match(host.bootId, /^[\da-f-]{36}\n$/u);
    const request = { state: "fresh", limits: fakeLimits(), files: [] } as const;
    for (const other of [{}, {}, { bootId: "another" }, { processor: "another" }])
      await (await openGuest(fakePrepared(), request, { ...host, ...other })).close();
    const [first, again] = [["saved", "restored"], ["restored"]];
    assert.deepEqual(ways, [first, again, first, first].flat());
  });

  test("a monitor that does not come to the end of saving is given up", async (t) => {
    t.mock.timers.enable({ apis: ["setTimeout"] });
    const beats = setInterval(() => {
      t.mock.timers.tick(1000);
    }, 5);
    t.after(() => {
      clearInterval(beats);
    });
    const opened = await open(
      home(),
      (machine, how) => {
        if (how === "saved") machine.save = () => new Promise(() => {});
      },
      {},
      1_000_000,
    );
    t.mock.timers.reset();
    await opened.sandbox.close();
    assert.deepEqual(opened.ways, ["saved", "booted"]);
    assert.match(opened.warnings.join("\n"), /it was not saved within 60000 ms/u);
  });

  test("what the code of a guest said when it was loaded is said by all that go on from there", async () => {
    const state = home();
    for (const ways of [["saved", "restored"], ["restored"]]) {
      const opened = await open(state, (machine, how) => {
        if (how === "saved") machine.errors.write("loading\n");
      });
      assert.deepEqual(opened.ways, ways);
      let [output, errors] = ["", ""];
      opened.sandbox.output.on("data", (chunk) => (output += String(chunk)));
      opened.sandbox.errors.on("data", (chunk) => (errors += String(chunk)));
      await wait(20);
      await opened.sandbox.close();
      assert.equal(output, READY.toString());
      assert.equal(errors, "loading\n");
    }
  });

  test("a guest that goes on printing has no snapshot: what it printed would be lost", async () => {
    const state = home();
    const opened = await open(state, (machine, how) => {
      if (how === "saved") setTimeout(() => machine.output.write("more"), 50);
    });
    await opened.sandbox.close();
    assert.deepEqual(opened.ways, ["saved", "booted"]);
    assert.deepEqual(opened.warnings, []);
    assert.deepEqual(snapshotsIn(state), []);
  });

  test("nobody but the monitor's user comes near a snapshot that is being made, and that user changes nothing", async () => {
    const state = home();
    let tried = "";
    await waysOf(state, ({ machine }, how) => {
      if (how !== "saved") return;
      const draft = machine.snapshot?.folder ?? "";
      const memory = statSync(path.join(draft, "memory"));
      assert.equal(statSync(draft).uid, process.geteuid?.());
      assert.equal(statSync(draft).mode & 0o027, 0);
      assert.equal(memory.mode & 0o077, 0);
      const { userId } = machine;
      if (userId === null) return;
      assert.equal(memory.uid, userId);
      const user = ["--reuid", "--regid"].map((option) => `${option}=${userId}`);
      const script = "id -u; ln -s /etc/passwd state; mv memory other; ls; true";
      const { stdout } = spawnSync("setpriv", [...user, "--clear-groups", "sh", "-c", script], {
        cwd: draft,
        encoding: "utf8",
      });
      assert.equal(stdout, `${userId}\n`);
      assert.deepEqual(readdirSync(draft), ["memory"]);
      tried = "by a user of its own";
    });
    assert.equal(tried, isRoot ? "by a user of its own" : "");
    const [name = ""] = snapshotsIn(state);
    const kept = path.join(snapshotsOf(state), name);
    assert.equal(statSync(kept).mode & 0o077, 0);
    for (const file of readdirSync(kept))
      assert.equal(statSync(path.join(kept, file)).uid, process.geteuid?.());
  });

  test("what a monitor leaves in the place of a snapshot's files is not followed", async () => {
    const state = home();
    const victim = path.join(state, "victim");
    writeFileSync(victim, "somebody's", { mode: 0o600 });
    const opened = await open(state, (machine, how) => {
      if (how === "saved") {
        const draft = machine.machine.snapshot?.folder ?? "";
        machine.save = () => {
          rmSync(path.join(draft, "memory"));
          symlinkSync(victim, path.join(draft, "memory"));
          writeFileSync(path.join(draft, "state"), "");
          return Promise.resolve();
        };
      }
    });
    await opened.sandbox.close();
    assert.equal(statSync(victim).mode & 0o777, 0o600);
    assert.deepEqual(opened.ways, ["saved", "booted"]);
    assert.match(opened.warnings.join("\n"), /the memory of a machine that was saved is no file/u);
  });

  test("a snapshot that another process removes at that moment costs no run, and is no trouble", async () => {
    const state = home();
    await waysOf(state);
    const opened = await open(state, (_, how) => {
      if (how !== "restored") return;
      rmSync(snapshotsOf(state), { recursive: true });
      throw new Error("ENOENT: no such file or directory");
    });
    await opened.sandbox.close();
    assert.deepEqual(opened.ways, ["restored", "booted"]);
    assert.deepEqual(opened.warnings, []);
    assert.deepEqual(await waysOf(state), ["saved", "restored"]);
  });

  test("one that another process removes while the oldest are looked for does not keep others from being made", async () => {
    const state = home();
    await waysOf(state);
    symlinkSync("/nonexistent", path.join(snapshotsOf(state), "gone"));
    const opened = await open(state, undefined, { settings: "other" });
    await opened.sandbox.close();
    assert.deepEqual(opened.warnings, []);
    assert.deepEqual(opened.ways, ["saved", "restored"]);
  });

  test("a machine that hangs instead of going on is given up in time to boot", async () => {
    const state = home();
    await waysOf(state);
    const opened = await open(
      state,
      (machine, how) => {
        if (how === "restored") machine.restored = new Promise(() => {});
      },
      {},
      1000,
    );
    await opened.sandbox.close();
    assert.deepEqual(opened.ways, ["restored", "booted"]);
    assert.match(opened.warnings.join("\n"), /it did not within 500 ms/u);
  });

  test("a machine that answers nothing while it is to be saved, or ends, is not waited for", async () => {
    const state = home();
    const opened = await open(state, (machine, how) => {
      if (how === "saved") machine.answersUsage = false;
    });
    await opened.sandbox.close();
    assert.deepEqual(opened.ways, ["saved", "restored"]);
    rmSync(snapshotsOf(state), { recursive: true });
    const ended = await open(state, (machine, how) => {
      if (how !== "saved") return;
      machine.answersUsage = false;
      machine.save = () => Promise.reject(new Error("it has ended"));
      setTimeout(() => machine.endBy("SIGBUS"), 100);
    });
    await ended.sandbox.close();
    assert.deepEqual(ended.ways, ["saved", "booted"]);
    assert.match(ended.warnings.join("\n"), /it has ended/u);
  });

  const booted = (): Promise<Opening> => open(home(), undefined, { saves: false });

  test("what a guest printed comes whole, however late it is read", async () => {
    const { sandbox, machine } = await booted();
    const printed = Buffer.alloc(5_000_000, "x");
    sandbox.errors.resume();
    machine.errors.write(machine.mark);
    machine.output.write(printed);
    machine.output.write(machine.mark);
    machine.say("ended 0 4096 7 0");
    assert.equal((await sandbox.ended).exitCode, 0);
    assert.equal(machine.output.readableLength + machine.output.writableLength, 0, "lost with the machine");
    let bytes = 0;
    for await (const chunk of sandbox.output) bytes += (chunk as Buffer).length;
    await sandbox.close();
    assert.equal(bytes, READY.length + printed.length);
  });

  test("a guest of whose output the end does not come has not succeeded", async () => {
    const { sandbox, machine } = await booted();
    sandbox.output.resume();
    sandbox.errors.resume();
    machine.output.write("only the beginn");
    machine.say("ended 0 4096 7 0");
    await wait(20);
    machine.endBy("SIGKILL");
    const { exitCode, runtimeError } = await sandbox.ended;
    await sandbox.close();
    assert.equal(exitCode, null);
    assert.match(runtimeError ?? "", /its guest ended, and the end of what that had printed did not come/u);
  });

  test("no user of a monitor's is lost where no cgroup can be made", { skip: !isRoot }, async () => {
    const host = await fakeHost(home(), () => {}, { saves: false });
    const first = host.ids.take();
    host.ids.release(first);
    const cgroups = {
      name: "none",
      controllers: new Set<never>(),
      reap: () => Promise.resolve(),
      create: () => {
        throw new Error("no space left");
      },
    };
    const request = { state: "fresh", limits: fakeLimits(), files: [] } as const;
    await assert.rejects(openGuest(fakePrepared(), request, { ...host, cgroups }), {
      code: "sandbox-failed",
      message: /cannot start a virtual machine: no space left/u,
    });
    assert.equal(host.ids.take(), first);
    assert.ok(!existsSync(snapshotsOf(host.stateDirectory)));
  });
});
