import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import {
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, suite, test } from "node:test";
import { setTimeout } from "node:timers/promises";

import { DEFAULT_LIMITS } from "../../src/domain/limits.ts";
import type { Limits } from "../../src/domain/limits.ts";
import type { Package } from "../../src/domain/package.ts";
import { diskImage } from "../../src/packages/disk-image.ts";
import { sandboxNamePrefix } from "../../src/sandbox/cgroup/owner.ts";
import { createMicrovmDriver } from "../../src/sandbox/drivers/microvm/create-microvm-driver.ts";
import { cpioOf } from "../../src/sandbox/drivers/microvm/cpio.ts";
import { openMachine } from "../../src/sandbox/drivers/microvm/open.ts";
import { probeMachine } from "../../src/sandbox/drivers/microvm/probe-machine.ts";
import { setUp } from "../../src/sandbox/drivers/microvm/set-up.ts";
import type { Driver, Ending, Sandbox } from "../../src/sandbox/driver.ts";
import { argumentsOf } from "../../src/sandbox/drivers/process-tree.ts";
import { barePackage } from "../../src/sandbox/testing/bare-package.ts";
import { openRig } from "../../src/sandbox/testing/rig.ts";
import type { Rig } from "../../src/sandbox/testing/rig.ts";
import { privateView } from "../../src/sandbox/view/view.ts";
import type { Entry } from "../../src/sandbox/view/view.ts";
import { baseRoot } from "../fixtures/base-root.ts";
import { whyNoMachine } from "../fixtures/debian-machine.ts";
import { eventually } from "../fixtures/eventually.ts";
import { machineOptions } from "../fixtures/machine-options.ts";

const MiB = 1024 * 1024;
/** Everything is emulated here. */
const LIMITS: Partial<Limits> = { startMs: 60_000, wallMs: 30_000, memoryBytes: 96 * MiB, tmpBytes: 8 * MiB };
const whyNotWhole =
  process.env["WHISKERS_TEST_MICROVM"] === "all"
    ? false
    : "machines are emulated here: WHISKERS_TEST_MICROVM=all runs it";
/** The shell of the initramfs is all that such a guest needs. */
const SHELL_ENTRIES: readonly Entry[] = [
  ...privateView(DEFAULT_LIMITS),
  { kind: "read-only", source: "/bin/busybox", target: "/bin/sh", isFile: true },
  { kind: "proc", target: "/proc" },
];
const SDK_FOLDER = path.resolve(import.meta.dirname, "../../sdk");
const NORMALIZER = `
import json, os, random, time
runs = 0
def run(meta, raw):
    global runs
    runs += 1
    wish = raw.decode()
    if wish == "hang":
        while True: time.sleep(1)
    if wish == "fill the disk":
        with open("/tmp/full", "wb") as file:
            while True: file.write(bytes(65536))
    if wish == "eat":
        eaten = []
        while True: eaten.append(bytearray(os.urandom(1024) * 1024))
    seen = {"runs": runs, "year": time.gmtime().tm_year, "random": os.urandom(8).hex(), "chance": random.random()}
    yield {"object_type": "Network", "name": json.dumps(seen)}
`;

suite("microvm", { skip: whyNoMachine() ?? false }, () => {
  const folder = mkdtempSync(path.join(tmpdir(), "whiskers-microvm-"));
  // Longer than the address of a Unix socket may be.
  const stateDirectory = path.join(folder, "a".repeat(120), "state");
  let rig: Rig;
  let driver: Driver;
  let pkg: Package;
  let coldRun: ReturnType<Rig["run"]>;
  const warnings: string[] = [];
  const warn = (what: string): void => {
    warnings.push(what);
  };
  const snapshots = path.join(stateDirectory, "microvm/snapshots");
  before(async () => {
    mkdirSync(path.join(folder, "package"));
    writeFileSync(path.join(folder, "package/normalize.py"), NORMALIZER);
    rig = openRig();
    driver = createMicrovmDriver({
      stateDirectory,
      sdkFolder: SDK_FOLDER,
      diskImage,
      warn,
      ...(await machineOptions()),
    });
    pkg = await pythonPackage(path.join(folder, "package"));
  });
  after(async () => {
    await rig[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  });
  const run = (wish: string, state: "fork" | "fresh" | "reuse", limits: Partial<Limits> = {}) =>
    rig.run(pkg, { driver, state, limits: { ...LIMITS, ...limits }, raws: [rig.raw(wish)] });

  test("state reuse: one process; a full disk fails a run, and no more", async () => {
    coldRun = run("look", "reuse");
    const first = await coldRun;
    assert.deepEqual(first.outcome, { status: "succeeded" });
    assert.equal(seenBy(first.output).runs, 1);
    assert.equal(seenBy(first.output).year, new Date().getUTCFullYear(), "the machine knows the time");
    const full = await run("fill the disk", "reuse");
    assert.equal(full.timingsMs.open, 0, "the same machine");
    assert.ok(full.outcome.status === "failed" && full.outcome.code === "normalizer-raised");
    assert.match(full.outcome.message, /No space left|File too large/u);
    assert.equal(seenBy((await run("look", "reuse")).output).runs, 3);
  });

  test("state fresh: goes on from a snapshot, with its own random numbers; a damaged one is made again", async () => {
    const cold = await coldRun;
    const [made, restored] = [await run("look", "fresh"), await run("look", "fresh")];
    const seen = [cold, made, restored].map(({ output }) => seenBy(output));
    assert.deepEqual(
      seen.map(({ runs, year }) => [runs, year]),
      Array.from({ length: 3 }, () => [1, new Date().getUTCFullYear()]),
    );
    assert.equal(new Set(seen.map(({ random }) => random)).size, 3);
    assert.equal(new Set(seen.map(({ chance }) => chance)).size, 3);
    // Processor time, whatever else this machine does. The restored machine's is that of its run, too.
    const restores = [made, restored].map(({ usage }) => usage.cpuMs ?? Number.NaN);
    const share = Math.min(...restores) / (cold.usage.cpuMs ?? Number.NaN);
    assert.ok(share > 0 && share <= 0.15, `a restore costs ${Math.round(share * 100)} % of a boot`);
    const wall = restored.timingsMs.open / cold.timingsMs.open;
    assert.ok(wall > 0 && wall <= 0.15, `a restore takes ${Math.round(wall * 100)} % of a boot's time`);

    const [name = ""] = readdirSync(snapshots).filter((one) => !one.startsWith("."));
    const state = path.join(snapshots, name, "state");
    const inode = statSync(state).ino;
    writeFileSync(state, "damaged", { flag: "r+" });
    assert.deepEqual((await run("look", "fresh")).outcome, { status: "succeeded" });
    assert.notEqual(statSync(state).ino, inode, "it is another");
    assert.deepEqual(warnings, []);
  });

  test("a snapshot that is as it was left, and with which QEMU does nothing, is told and made again", async () => {
    const [name = ""] = readdirSync(snapshots).filter((one) => !one.startsWith("."));
    const [state, about] = ["state", "snapshot.json"].map((file) => path.join(snapshots, name, file));
    writeFileSync(state ?? "", "damaged", { flag: "r+" });
    const stamps = ["memory", "state"].map((file) => {
      const { size, mtimeNs, ctimeNs, ino } = statSync(path.join(snapshots, name, file), { bigint: true });
      return [size, mtimeNs, ctimeNs, ino].join(" ");
    });
    const told = JSON.parse(readFileSync(about ?? "", "utf8")) as object;
    writeFileSync(about ?? "", JSON.stringify({ ...told, stamps: stamps.join(", ") }));
    assert.deepEqual((await run("look", "fresh")).outcome, { status: "succeeded" });
    assert.deepEqual((await run("look", "fresh")).outcome, { status: "succeeded" });
    const [warning, ...more] = warnings.splice(0);
    assert.match(
      warning ?? "",
      /^a machine booted, for it did not go on from its snapshot, .*: qemu-system-x86_64: Not a migration stream/u,
    );
    assert.deepEqual(more, []);
  });

  test("a folder that no snapshot can be written in costs no run, and is told once, and by a probe", async () => {
    execFileSync("mount", ["-t", "tmpfs", "-o", "ro", "tmpfs", snapshots]);
    try {
      for (const memoryBytes of [97 * MiB, 98 * MiB]) {
        const { outcome } = await run("look", "fresh", { memoryBytes });
        assert.deepEqual(outcome, { status: "succeeded" });
      }
      const words = `whoever runs Whiskers has to be able to write in ${snapshots}: the file system is read-only`;
      const [warning = "", ...more] = warnings.splice(0);
      assert.ok(warning.includes(`takes more than twenty times as long: ${words}`), warning);
      assert.match(warning, /It is tried again in ten minutes$/u);
      assert.deepEqual(more, []);
      const probe = await createMicrovmDriver({
        stateDirectory,
        sdkFolder: SDK_FOLDER,
        diskImage,
        ...(await machineOptions()),
      }).probe();
      assert.ok(probe.available);
      assert.ok(
        probe.advice.some((one) => one.includes(words)),
        probe.advice.join("\n"),
      );
    } finally {
      execFileSync("umount", ["-l", snapshots]);
    }
  });

  test("state fork: a child of one loaded process for each run; a guest that hangs is ended", async () => {
    const [first, second] = [await run("look", "fork"), await run("look", "fork")];
    assert.deepEqual([seenBy(first.output).runs, seenBy(second.output).runs], [1, 1]);
    assert.notEqual(seenBy(first.output).random, seenBy(second.output).random);
    assert.equal(second.timingsMs.open, 0);
    const idle = monitors().length;
    const hung = await run("hang", "fork", { wallMs: 1000 });
    assert.ok(hung.outcome.status === "failed" && hung.outcome.code === "time-limit");
    // Other limits, so a machine of its own; those of earlier runs wait for others, and may be gone too.
    await eventually("the machine is gone", () => monitors().length <= idle);
  });

  test("a guest that needs more memory than its own limit is told apart, and costs nobody else", async () => {
    const { outcome } = await run("eat", "fresh", { wallMs: 120_000 });
    assert.ok(outcome.status === "failed" && outcome.code === "memory-limit", JSON.stringify(outcome));
  });

  /** A run that would never end, once its guest is there. */
  const hanging = async (limits: Partial<Limits>) => {
    const { promise: ready, resolve: isReady } = Promise.withResolvers<Sandbox>();
    const observed: Driver = {
      ...driver,
      name: driver.name,
      probe: () => driver.probe(),
      prepare: (one) => driver.prepare(one),
      open: async (prepared, request) => {
        const sandbox = await driver.open(prepared, request);
        sandbox.output.once("data", () => {
          isReady(sandbox);
        });
        return sandbox;
      },
    };
    const running = rig.run(pkg, {
      driver: observed,
      state: "fresh",
      limits: { ...LIMITS, ...limits },
      raws: [rig.raw("hang")],
    });
    running.catch(() => {});
    const { id } = await ready;
    return { running, id, pid: monitors(id)[0] ?? 0 };
  };

  test("a monitor that is killed from outside is the platform's fault, and leaves nothing", async () => {
    const { running, id, pid } = await hanging({ wallMs: 60_000 });
    const killed = assert.rejects(running, {
      code: "sandbox-failed",
      message: /the monitor was ended by SIGKILL while the guest ran/u,
    });
    process.kill(pid, "SIGKILL");
    await killed;
    assert.deepEqual(leftOf(id), []);
  });

  test("a machine that stands still ends with its run's time, and leaves nothing", async () => {
    const { running, id, pid } = await hanging({ wallMs: 1500 });
    process.kill(pid, "SIGSTOP");
    const { outcome } = await running;
    assert.ok(outcome.status === "failed" && outcome.code === "time-limit", JSON.stringify(outcome));
    await eventually("nothing is left of it", () => leftOf(id).length === 0);
  });

  test("a disk of the host that is full costs the snapshot and no run", { skip: whyNotWhole }, async () => {
    const small = path.join(folder, "small");
    mkdirSync(small);
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=200m", "tmpfs", small]);
    try {
      const onSmall = createMicrovmDriver({
        stateDirectory: path.join(small, "state"),
        sdkFolder: SDK_FOLDER,
        diskImage,
        warn,
        ...(await machineOptions()),
      });
      const { outcome } = await rig.run(pkg, {
        driver: onSmall,
        state: "fresh",
        limits: LIMITS,
        raws: [rig.raw("look")],
      });
      assert.deepEqual(outcome, { status: "succeeded" });
      const folderOfSmall = path.join(small, "state/microvm/snapshots");
      assert.deepEqual(readdirSync(folderOfSmall), []);
      const [warning = "", ...more] = warnings.splice(0);
      assert.ok(warning.includes(`: make room in ${folderOfSmall}: one takes up to 208 MiB, and `), warning);
      assert.deepEqual(more, []);
    } finally {
      execFileSync("umount", ["-l", small]);
    }
  });

  test("another package on the same root boots no machine to be prepared: it asks the Python of a root once", async () => {
    await driver.prepare(pkg);
    const known = monitors();
    const booted = new Set<number>();
    const timer = setInterval(() => {
      for (const pid of monitors()) if (!known.includes(pid)) booted.add(pid);
    }, 20);
    const other = path.join(folder, "other");
    mkdirSync(other);
    writeFileSync(path.join(other, "normalize.py"), "def run(meta, raw): return []");
    await driver.prepare({ ...pkg, folder: other, digest: `sha256:${"8".repeat(64)}` });
    clearInterval(timer);
    assert.deepEqual([...booted], []);
  });

  test("machines that go on from one snapshot write to little of its memory before their run", async () => {
    const prepared = await driver.prepare(pkg);
    const limits = { ...DEFAULT_LIMITS, ...LIMITS };
    const opened = await Promise.all(
      [1, 2].map(() => driver.open(prepared, { state: "fresh", limits, files: [] })),
    );
    try {
      for (const sandbox of opened) await once(sandbox.output, "data");
      await setTimeout(500);
      for (const { id } of opened) {
        const pid = monitors(id)[0] ?? 0;
        assert.match(readFileSync(`/proc/${pid}/status`, "utf8"), /^THP_enabled:\t0$/mu);
        const { sharedBytes, ownBytes } = memoryOfSnapshot(pid);
        assert.ok(sharedBytes > 4 * MiB, `${sharedBytes} bytes are shared`);
        assert.ok(ownBytes < 2 * MiB, `${ownBytes} bytes are its own`);
      }
    } finally {
      for (const sandbox of opened) await sandbox.close();
    }
  });

  test("machines that do not boot say why, and keep their console", { concurrency: true }, async (t) => {
    const found = await setUp({
      stateDirectory,
      sdkFolder: SDK_FOLDER,
      diskImage,
      ...(await machineOptions()),
    });
    assert.ok(found.available);
    const { host } = found;
    const ending = async (initramfs: string, startMs = 60_000): Promise<Ending> => {
      const sandbox = await openMachine(
        {
          entries: [],
          disks: { files: [], placeOf: (source) => source },
          command: { argv: ["/bin/sh"], env: {} },
          relayed: false,
        },
        { limits: { ...DEFAULT_LIMITS, ...LIMITS, startMs }, files: [] },
        { ...host, initramfs },
      );
      sandbox.output.resume();
      sandbox.errors.resume();
      try {
        return await sandbox.ended;
      } finally {
        await sandbox.close();
      }
    };
    const withInit = (name: string, lines: string): string => {
      const busybox = readFileSync("/usr/bin/busybox");
      const file = path.join(folder, `${name}.cpio`);
      const init = `#!/bin/busybox sh\n${lines}\n`;
      writeFileSync(
        file,
        cpioOf([
          { path: "bin", mode: 0o040_755, content: Buffer.alloc(0) },
          { path: "dev", mode: 0o040_755, content: Buffer.alloc(0) },
          { path: "bin/busybox", mode: 0o100_755, content: busybox },
          { path: "dev/console", mode: 0o100_644, content: Buffer.alloc(0) },
          { path: "init", mode: 0o100_755, content: Buffer.from(init) },
        ]),
      );
      return file;
    };
    await Promise.all([
      t.test("a kernel that panics while a guest runs counts as that guest's crash", async () => {
        const sandbox = await openMachine(
          {
            entries: SHELL_ENTRIES,
            disks: { files: [], placeOf: (source) => source },
            command: { argv: ["/bin/sh", "-c", "echo running; read -r line"], env: {} },
            relayed: false,
          },
          { limits: { ...DEFAULT_LIMITS, ...LIMITS }, files: [] },
          { ...host, initramfs: panicking(host.initramfs, folder) },
        );
        sandbox.output.once("data", () => {
          sandbox.signal("terminate");
        });
        const ended = await sandbox.ended;
        await sandbox.close();
        assert.deepEqual(ended, {
          exitCode: null,
          signal: "SIGKILL",
          outOfMemory: false,
          runtimeError: null,
        });
        assert.deepEqual(leftOf(sandbox.id), []);
      }),
      t.test("an init that ends", async () => {
        const { runtimeError } = await ending(withInit("ends", "exit 3"));
        assert.match(runtimeError ?? "", /the kernel could not start the initramfs: Attempted to kill init/u);
        const file = /its console: (\S+)$/u.exec(runtimeError ?? "")?.[1] ?? "";
        assert.match(readFileSync(file, "utf8"), /Kernel panic/u);
      }),
      t.test("a machine that does not come to its init in time", async () => {
        const { runtimeError } = await ending(withInit("hangs", "busybox sleep 1000"), 6000);
        assert.match(
          runtimeError ?? "",
          /did not boot in time: its kernel and init were not there within 6000 ms/u,
        );
      }),
      t.test(
        "a probe tells a machine that is slow, a guest that does nothing and a monitor that fails",
        async () => {
          const text = path.join(folder, "no-kernel");
          writeFileSync(text, "no kernel at all\n".repeat(100));
          const probes = [
            probeMachine({ ...host, initramfs: withInit("sleeps", "busybox sleep 1000") }, 4000),
            probeMachine(
              { ...host, initramfs: patched(host.initramfs, ". /guest", "exit 3", folder) },
              60_000,
            ),
            probeMachine({ ...host, kernel: { ...host.kernel, file: text } }, 4000),
          ];
          const failed = (await Promise.all(probes)).map((probed) =>
            probed.works ? "nowhere" : probed.failed,
          );
          assert.deepEqual(failed, ["time", "guest", "monitor"]);
        },
      ),
      t.test("what is no kernel for the monitor", async () => {
        const text = path.join(folder, "text");
        writeFileSync(text, "no kernel at all\n".repeat(100));
        const sandbox = await openMachine(
          {
            entries: [],
            disks: { files: [], placeOf: (source) => source },
            command: { argv: ["/bin/sh"], env: {} },
            relayed: false,
          },
          { limits: { ...DEFAULT_LIMITS, ...LIMITS, startMs: 5000 }, files: [] },
          { ...host, kernel: { ...host.kernel, file: text } },
        );
        const { runtimeError } = await sandbox.ended;
        await sandbox.close();
        assert.match(
          runtimeError ?? "",
          /QEMU \d.* ended with status \d+ before the kernel said anything: ./su,
        );
      }),
    ]);
  });
});

/** The same initramfs, but that its init makes the kernel panic when it is to ask the guest to end. */
function panicking(initramfs: string, folder: string): string {
  return patched(initramfs, `kill -TERM "$pid" 2>/dev/null`, "echo c >/proc/sysrq-trigger", folder);
}

/** The same initramfs, but that its init does something else in one place. */
function patched(initramfs: string, what: string, by: string, folder: string): string {
  const bytes = readFileSync(initramfs);
  const at = bytes.indexOf(what);
  assert.ok(at > 0, `there is ${what} in the init`);
  bytes.write(by.padEnd(what.length), at, "latin1");
  const file = path.join(folder, `${randomUUID()}.cpio`);
  writeFileSync(file, bytes);
  return file;
}

/** Processes and cgroups that name a machine. */
function leftOf(id: string): readonly string[] {
  return [...monitors(id).map(String), ...globSync(`/sys/fs/cgroup/**/*${id}*`)];
}

/** Of what a monitor has mapped of the memory of a snapshot: what it has as others have it, and what it wrote. */
function memoryOfSnapshot(pid: number): { readonly sharedBytes: number; readonly ownBytes: number } {
  const text = readFileSync(`/proc/${pid}/smaps`, "utf8");
  const [, mapping = ""] = text.split(/^(?=[0-9a-f]+-[0-9a-f]+ .*\/memory$)/mu);
  const kibOf = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+)`, "mu").exec(mapping)?.[1]);
  return {
    sharedBytes: kibOf("Rss") * 1024 - kibOf("Private_Dirty") * 1024,
    ownBytes: kibOf("Private_Dirty") * 1024,
  };
}

async function pythonPackage(folder: string): Promise<Package> {
  const guest = { kind: "python", version: "3.11", module: "normalize", callable: "run" } as const;
  return barePackage({ name: "looks", folder, guest, root: await baseRoot("python:3.11") });
}

interface Seen {
  readonly runs: number;
  readonly year: number;
  readonly random: string;
  /** Of Python's own generator, which draws its seed once. */
  readonly chance: number;
}

function seenBy(output: string): Seen {
  const [line = ""] = output.split("\n");
  return JSON.parse((JSON.parse(line) as { name: string }).name) as Seen;
}

/** Processes of QEMU that this process started, with these arguments among theirs. */
function monitors(withArguments = ""): readonly number[] {
  return readdirSync("/proc")
    .map(Number)
    .filter((pid) => {
      const argv = argumentsOf(pid);
      const isQemu = argv[0]?.includes("qemu-system") === true;
      return (
        isQemu &&
        argv.some((one) => one.startsWith(sandboxNamePrefix())) &&
        argv.join(" ").includes(withArguments)
      );
    });
}
