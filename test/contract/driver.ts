/** What every driver has to keep, src/sandbox/driver.ts: run by each of them in a file of its own. */
import assert from "node:assert/strict";
import {
  chmodSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import type { TestContext } from "node:test";
import { setTimeout as delay } from "node:timers/promises";

import { DEFAULT_LIMITS } from "../../src/domain/limits.ts";
import type { Limits } from "../../src/domain/limits.ts";
import type { Guest, Package, Root } from "../../src/domain/package.ts";
import { WhiskersError } from "../../src/errors.ts";
import type { Driver, Ending, OpenRequest, Sandbox } from "../../src/sandbox/driver.ts";
import { openSandboxes } from "../../src/sandbox/sandboxes.ts";
import { barePackage } from "../../src/sandbox/testing/bare-package.ts";
import { CollectingSink, META } from "../../src/sandbox/testing/rig.ts";
import type { CONTRACT_MODULES as ContractModules } from "../fixtures/wasm-modules.ts";

const MiB = 1024 * 1024;
const SDK_FOLDER = path.resolve(import.meta.dirname, "../../sdk");
const LIMITS: Limits = {
  ...DEFAULT_LIMITS,
  // An emulated machine takes its time.
  startMs: 60_000,
  memoryBytes: 96 * MiB,
  processes: 32,
  tmpBytes: 8 * MiB,
};
const GIVE_UP_MS = 60_000;
const UNREAD_MS = 300;

export interface DriverFolders {
  readonly stateDirectory: string;
  readonly sdkFolder: string;
}

export interface ContractOptions {
  readonly mustWork?: boolean;
  readonly ownKernel?: boolean;
  /** What the packages run on, for Python and commands; default what the machine has. */
  readonly root?: () => Promise<Root>;
  /** The same for JavaScript and PHP, of a driver that needs roots; not given: those guests are not tried. */
  readonly rootsOf?: Readonly<Partial<Record<"javascript" | "php", () => Promise<Root>>>>;
  /** Titles of the tests to run, by parts of them, where the whole takes too long; and what runs the whole. */
  readonly only?: { readonly titles: readonly string[]; readonly otherwise: string };
}

/**
 * Registers the contract's tests for one driver. A part that it cannot have is skipped, with the reason; so is all
 * where the driver does not work, unless it `mustWork` wherever tests run. With an `ownKernel` what runs in a sandbox
 * is no process of this machine.
 */
export function driverContract(
  name: string,
  makeDriver: (folders: DriverFolders) => Driver,
  { mustWork = false, ownKernel = false, root, rootsOf = {}, only }: ContractOptions = {},
): void {
  describe(`driver contract: ${name}`, { concurrency: 2 }, () => {
    let bench: Bench;
    before(async () => {
      const packagesRoot = (await root?.()) ?? null;
      const others = await rootsByKind(rootsOf);
      bench = await openBench(makeDriver, packagesRoot, others);
    });
    after(async () => {
      await bench.close();
    });
    const test = (title: string, run: (bench: Bench, t: TestContext) => Promise<void>): void => {
      it(title, async (t) => {
        if (only !== undefined && !only.titles.some((part) => title.includes(part))) t.skip(only.otherwise);
        else if (bench.unavailable === null) await run(bench, t).catch(skipIf(t));
        else if (mustWork) assert.fail(bench.unavailable);
        else t.skip(bench.unavailable);
      });
    };

    test("probe says which protections are in force, and by what", async ({ driver }) => {
      const probe = await driver.probe();
      assert.ok(probe.available);
      assert.match(probe.version, /\d/u);
      assert.equal(new Set(probe.protections.map((one) => one.name)).size, 18);
      if (!driver.capabilities.isolates) assert.ok(probe.protections.every((one) => one.by === null));
      const memory = probe.protections.find((one) => one.name === "memory-limit");
      if (driver.capabilities.memoryLimit) assert.notEqual(memory?.by, null);
    });

    test("prepare names what is missing and where it was looked for", async ({ driver, command }) => {
      const python = command(["true"], { kind: "python", version: "3.79", module: "n", callable: "run" });
      const php = command(["true"], { kind: "php", version: "9.9", file: "n.php", callable: "run" });
      const wasm = command([], { kind: "wasm", file: "no-such-program-here.wasm", args: [], plain: true });
      const program = command([], { kind: "command", argv: ["no-such-program-here"] });
      for (const pkg of [python, php, program, wasm]) {
        if (!driver.capabilities.guests.includes(pkg.manifest.guest.kind)) continue;
        await assert.rejects(driver.prepare(pkg), (error) => {
          assert.ok(error instanceof WhiskersError);
          assert.equal(error.code, "environment-missing");
          assert.match(error.message, /3\.79|9\.9|no-such-program-here/u);
          assert.match(error.message, pkg === wasm ? /looked for it in/u : /\/bin/u);
          return true;
        });
      }
    });

    test("prepare is idempotent and names the environment", async ({ driver, python, command }) => {
      const isWasm = driver.capabilities.guests.includes("wasm");
      const pkg = isWasm ? command([], "nothing") : python;
      const [one, two] = [await driver.prepare(pkg), await driver.prepare(pkg)];
      assert.deepEqual(one.environment, two.environment);
      assert.equal(one.environment.name, pkg.root?.name ?? pkg.manifest.guest.kind);
      if (pkg.root !== null) assert.equal(one.environment.digest, pkg.root.digest);
      assert.match(one.environment.version, isWasm ? /WASI preview 1/u : /^3\.\d+\.\d+$/u);
      assert.equal(two.pkg, pkg);
    });

    for (const [kind, makePackage] of Object.entries(PROTOCOL_GUESTS)) {
      test(`a ${kind} guest gets ready, and ends when its input does`, async ({
        driver,
        folder,
        python,
        onRoot,
      }, t) => {
        const pkg = kind === "python" ? python : onRoot(makePackage(folder));
        if (driver.capabilities.needsRoot === true && pkg.root === null) {
          t.skip(`it needs a root, and this suite has none for ${kind}`);
          return;
        }
        if (!driver.capabilities.guests.includes(pkg.manifest.guest.kind)) {
          t.skip(`it starts no ${kind} guests`);
          return;
        }
        const sandbox = await open(driver, pkg);
        try {
          const ready = await firstBytes(sandbox, 5);
          assert.equal(ready[4], 0x10, "the first frame is `ready`");
          sandbox.input.end();
          assert.equal((await sandbox.ended).exitCode, 0);
        } finally {
          await sandbox.close();
        }
      });
    }

    for (const [kind, file, code] of LATE_CODE) {
      test(`code that a ${kind} guest's sandbox is given when it is open is what runs`, async (rig, t) => {
        const { driver, python } = rig;
        if (driver.capabilities.lateCode !== true) {
          t.skip("its sandboxes do not see such code");
          return;
        }
        const folder = mkdtempSync(path.join(rig.folder, "../late-"));
        chmodSync(folder, 0o755);
        const base = kind === "python" ? { ...python, folder } : javascriptPackage(folder);
        const pkg: Package = { ...base, loadsLate: true };
        const sandboxes = openSandboxes({ drivers: [driver] });
        const options = { runtime: driver.name, limits: { memoryBytes: 256 * MiB } };
        const { signal } = new AbortController();
        try {
          assert.equal(await sandboxes.warm(pkg, options, 1, signal), 1);
          writeFileSync(path.join(folder, file), code);
          const sink = new CollectingSink();
          const coded = { ...pkg, digest: "sha256:of-the-code" };
          const done = await sandboxes.run(coded, options, { meta: META, raws: [] }, sink, signal);
          assert.deepEqual(done.outcome, { status: "succeeded" });
          assert.match(sink.text, /"late"/u);
          assert.equal(done.timingsMs.open, 0, "in the sandbox that waited");
        } finally {
          await sandboxes.close();
        }
      });
    }

    for (const kind of ["python", "javascript"] as const) {
      test(`a ${kind} guest finds what the package depends on`, async ({ driver, withDependencies }, t) => {
        if (!driver.capabilities.guests.includes(kind)) throw new NotTried(`it starts no ${kind} guests`);
        const pkg = withDependencies(kind);
        if (driver.capabilities.needsRoot === true && pkg.root === null) {
          t.skip(`it needs a root, and this suite has none for ${kind}`);
          return;
        }
        const sandbox = await open(driver, pkg);
        try {
          const first = await firstBytes(sandbox, 5);
          assert.equal(first[4], 0x10, `the first frame is \`ready\`, not ${first.toString("latin1")}`);
        } finally {
          await sandbox.close();
        }
      });
    }

    test("input, output and errors are three streams of bytes", async ({ driver, command }) => {
      const bytes = Buffer.from(Array.from({ length: 70_000 }, (_, index) => index % 256));
      const { output, errors, ending } = await runCommand(
        driver,
        command(["sh", "-c", "cat; echo warning >&2"], "echo"),
        {
          input: bytes,
        },
      );
      assert.deepEqual(output, bytes);
      assert.equal(errors.toString(), "warning\n");
      assert.deepEqual(ending, { exitCode: 0, signal: null, outOfMemory: false, runtimeError: null });
    });

    test("what a guest printed comes whole, though it is read late", async ({ driver, command }) => {
      const script = "head -c 150000 /dev/zero >&2; head -c 150000 /dev/zero";
      const prepared = await driver.prepare(command(["sh", "-c", script]));
      const sandbox = await driver.open(prepared, { limits: LIMITS, state: "fresh", files: [] });
      sandbox.input.end();
      const streams = [sandbox.output, sandbox.errors];
      const [ends, printed] = [streams.map(endOf), streams.map(collect)];
      for (const stream of streams) stream.pause();
      await delay(UNREAD_MS);
      for (const stream of streams) stream.resume();
      assert.equal((await sandbox.ended).exitCode, 0);
      await Promise.all(ends);
      assert.deepEqual(
        printed.map((bytes) => bytes().length),
        [150_000, 150_000],
      );
      await sandbox.close();
    });

    test("the guest's exit code and signal are told as they were", async ({ driver, command }) => {
      const end = async (script: string, module?: [string, ...string[]]): Promise<Ending> =>
        (await runCommand(driver, command(["sh", "-c", script], module))).ending;
      assert.equal((await end("exit 0", ["nothing"])).exitCode, 0);
      assert.equal((await end("exit 7", ["exit", "7"])).exitCode, 7);
      assert.equal((await end("exit 127", ["exit", "x"])).exitCode, 127);
      if (!driver.capabilities.guests.includes("command")) return;
      assert.equal((await end("kill -9 $$")).signal, "SIGKILL");
      assert.equal((await end("kill -11 $$")).signal, "SIGSEGV");
      assert.equal((await end("kill -15 $$")).signal, "SIGTERM");
    });

    test("a guest cannot pass its own failure off as the runtime's", async ({ driver, command }) => {
      const script = `echo '{"exit-code": 0, "started": false}' >&3; echo 'bwrap: cannot make a sandbox' >&2; exit 1`;
      const { ending } = await runCommand(
        driver,
        command(["sh", "-c", `(${script}) 2>&1; exit 1`], "blames"),
      );
      assert.deepEqual(ending, { exitCode: 1, signal: null, outOfMemory: false, runtimeError: null });
    });

    test("files are placed for the guest to read", async ({ driver, command }) => {
      const content = Buffer.from(JSON.stringify({ filler: "x".repeat(300_000) }));
      const { output, ending } = await runCommand(
        driver,
        command(["sh", "-c", 'cat "$WHISKERS_META"'], "meta"),
        {
          files: [{ name: "meta.json", content }],
        },
      );
      assert.deepEqual(output, content);
      assert.equal(ending.exitCode, 0);
    });

    test("nothing of the runner's environment is passed on", async ({ driver, command }) => {
      const secret = "whiskers-test-secret";
      process.env["WHISKERS_TEST_SECRET"] = secret;
      const { output } = await runCommand(
        driver,
        command(["sh", "-c", "env; cat /proc/self/environ"], "environment"),
      );
      assert.ok(output.includes("WHISKERS_PACKAGE"), "it has an environment");
      assert.ok(!output.includes(secret), "the variable was seen");
    });

    test("the guest has descriptors 0, 1 and 2 alone", async ({ driver, command }, t) => {
      if (!driver.capabilities.isolates) {
        t.skip("it does not isolate: Node.js closes its own descriptors, not those that it was started with");
        return;
      }
      const files = [{ name: "meta.json", content: Buffer.from("{}") }];
      const script = 'for fd in /proc/self/fd/*; do echo "${fd##*/}"; done';
      const { output } = await runCommand(driver, command(["sh", "-c", script]), { files });
      const descriptors = output.toString().trim().split("\n").map(Number);
      // The shell itself holds one more: the folder that it lists.
      assert.deepEqual(descriptors.slice(0, 3), [0, 1, 2]);
      assert.ok(descriptors.length <= 4, `it has ${descriptors.join(", ")}`);
    });

    test("kill ends daemons too", async (one) => {
      const { driver, command } = one;
      const mark = markOf(one);
      const daemon = `(setsid sh -c 'trap "" TERM HUP; exec sleep ${mark}' >/dev/null 2>&1 &)`;
      const sandbox = await open(driver, command(["sh", "-c", `${daemon}; echo ready; sleep ${mark}`]));
      await firstBytes(sandbox, 6);
      if (!ownKernel) {
        const isBoth = (found: readonly number[]): boolean => found.length >= 2;
        assert.ok(isBoth(await waitFor(() => findProcesses(mark), isBoth)));
      }
      sandbox.signal("kill");
      const ending = await sandbox.ended;
      assert.equal(ending.runtimeError, null);
      assert.deepEqual(findProcesses(mark), []);
      await sandbox.close();
    });

    test("a daemon does not outlive the guest", async (one) => {
      const { driver, command } = one;
      const mark = markOf(one);
      const script = `(setsid sleep ${mark} >/dev/null 2>&1 </dev/null &); exit 3`;
      const { ending } = await runCommand(driver, command(["sh", "-c", script]));
      assert.equal(ending.exitCode, 3);
      assert.deepEqual(findProcesses(mark), []);
    });

    test("terminate asks every process, and lets it end as it likes", async (one) => {
      const { driver, command } = one;
      const mark = markOf(one);
      const script = `trap 'echo asked; exit 5' TERM; (trap 'echo child asked' TERM; sleep ${mark} & wait) & echo ready; wait; wait`;
      const sandbox = await open(driver, command(["sh", "-c", script]));
      const text = collect(sandbox.output);
      await waitFor(text, (said) => said.includes("ready"));
      await waitFor(
        () => findProcesses(mark),
        (found) => found.length > 0 || ownKernel,
      );
      sandbox.signal("terminate");
      const ending = await sandbox.ended;
      assert.match(text().toString(), /\basked/u);
      assert.equal(ending.exitCode, 5);
      await sandbox.close();
    });

    test("terminate can be ignored, kill cannot", async ({ driver, command }) => {
      const sandbox = await open(
        driver,
        command(["sh", "-c", "trap 'echo no' TERM; echo ready; while :; do sleep 0.05; done"], "spins"),
      );
      const text = collect(sandbox.output);
      await waitFor(text, (said) => said.includes("ready"));
      if (driver.capabilities.guests.includes("command")) {
        sandbox.signal("terminate");
        await waitFor(text, (said) => said.includes("no"));
      }
      sandbox.signal("kill");
      sandbox.signal("kill");
      const { exitCode, signal } = await sandbox.ended;
      assert.deepEqual({ exitCode, signal }, { exitCode: null, signal: "SIGKILL" });
      await sandbox.close();
    });

    test("usage tells CPU time and peak memory", async ({ driver, command }) => {
      const script = `perl -e '$x = "x" x 20_000_000; $i = 0; $i++ while $i < 4_000_000; print "done"; sleep 1'`;
      const sandbox = await open(driver, command(["sh", "-c", script], "works"));
      await firstBytes(sandbox, 4);
      const { cpuMs, peakMemoryBytes } = await sandbox.usage();
      assert.ok(cpuMs !== null && cpuMs > 50 && cpuMs < 10_000, `${cpuMs} ms`);
      assert.ok(peakMemoryBytes !== null && peakMemoryBytes > 18 * MiB, `${peakMemoryBytes} bytes`);
      await sandbox.close();
      assert.ok(((await sandbox.usage()).cpuMs ?? 0) >= cpuMs, "it is known after the end too");
    });

    test("too much memory is told apart from a crash", async ({ driver, command }, t) => {
      if (!driver.capabilities.isolates) {
        t.skip("it does not limit memory");
        return;
      }
      // Three that are each below the limit: only together they are above it.
      const eat = `perl -e '$n = 40_000_000; $x = "x" x $n; sleep 20' &`;
      const { ending } = await runCommand(
        driver,
        command(["sh", "-c", `${eat} ${eat} ${eat} wait; wait; wait`], "grows"),
      );
      assert.equal(ending.outOfMemory, true);
      assert.equal(ending.runtimeError, null);
    });

    test("many at once do not know of each other", async ({ driver, command }) => {
      const pkg = command(
        ["sh", "-c", "cat; echo mine >/tmp/whiskers-$$; set -- /tmp/whiskers-*; echo $#"],
        "alone",
      );
      const runs = await Promise.all(
        Array.from({ length: 8 }, (_, index) =>
          runCommand(driver, pkg, { input: Buffer.from(`run ${index} `) }),
        ),
      );
      const [first] = runs;
      for (const [index, { output }] of runs.entries()) {
        assert.ok(output.toString().startsWith(`run ${index} `), output.toString());
        if (driver.capabilities.isolates) assert.equal(output.toString(), `run ${index} 1\n`);
      }
      assert.equal(new Set(runs.map((run) => run.id)).size, runs.length, `ids as ${first?.id}`);
      if (!driver.capabilities.isolates) {
        for (const file of globSync("/tmp/whiskers-[0-9]*")) if (/-\d+$/u.test(file)) rmSync(file);
      }
    });

    test("close is idempotent, ends what lives, and leaves nothing", async (one) => {
      const { driver, command, stateDirectory } = one;
      const mark = markOf(one);
      const mounts = countMounts();
      const sandbox = await open(driver, command(["sh", "-c", `echo ready; sleep ${mark}`], "waits"), {
        files: [{ name: "meta.json", content: Buffer.from("{}") }],
      });
      await firstBytes(sandbox, 6);
      const filesBefore = readdirSync(stateDirectory).filter((file) => file.includes(sandbox.id));
      await Promise.all([sandbox.close(), sandbox.close()]);
      await sandbox.close();
      const ending = await sandbox.ended;
      assert.equal(ending.runtimeError, null);
      assert.deepEqual(findProcesses(mark), []);
      assert.ok(filesBefore.length <= 1);
      assert.deepEqual(
        readdirSync(stateDirectory).filter((file) => file.includes(sandbox.id)),
        [],
      );
      assert.deepEqual(globSync(`/sys/fs/cgroup/**/*${sandbox.id}*`), []);
      assert.ok(countMounts() <= mounts);
    });

    test("input to a guest that has ended does no harm", async ({ driver, command }) => {
      const sandbox = await open(driver, command(["true"], "nothing"));
      await sandbox.ended;
      for (let index = 0; index < 20; index += 1) sandbox.input.write(Buffer.alloc(100_000));
      await delay(20);
      await sandbox.close();
    });

    test("its limits on processes, files and descriptors hold", async ({ driver, command }, t) => {
      if (!driver.capabilities.isolates) {
        t.skip("it sets no limits");
        return;
      }
      const script = [
        // Each costs a kernel of one's own a megabyte.
        `perl -e 'for (1..${ownKernel ? LIMITS.processes + 4 : 64}) { $p = fork(); last unless defined $p; if (!$p) { sleep 60; exit } push @p, $p } kill 9, @p; 1 while wait() > 0; printf qq(processes %d\\n), scalar @p'`,
        "head -c 20000000 /dev/zero >/tmp/big",
        "echo size $(wc -c </tmp/big)",
        "ulimit -n | { read -r n; echo descriptors $n; }",
      ];
      const { output } = await runCommand(driver, command(["sh", "-c", script.join("\n")], "limits"));
      const said = Object.fromEntries(
        output
          .toString()
          .split("\n")
          .map((line) => line.split(" ")),
      ) as Record<string, string>;
      const processes = Number(said["processes"]);
      assert.ok(processes > 0 && processes <= LIMITS.processes, `${processes} processes`);
      assert.ok(Number(said["size"]) <= LIMITS.tmpBytes, `a file of ${said["size"]} bytes`);
      assert.equal(Number(said["descriptors"]), LIMITS.openFiles);
    });
  });
}

interface Bench {
  readonly driver: Driver;
  readonly folder: string;
  readonly stateDirectory: string;
  readonly unavailable: string | null;
  readonly python: Package;
  /** The same as a program of the machine, or as one of `CONTRACT_MODULES` where a driver starts only these. */
  readonly command: (
    argv: readonly string[],
    module?: keyof typeof ContractModules | readonly [string, ...string[]] | Guest,
  ) => Package;
  /** The same package on a root that it can run on, where the driver needs one; without, there is none. */
  readonly onRoot: (pkg: Package) => Package;
  /** One that imports what its dependencies hold. */
  readonly withDependencies: (kind: "python" | "javascript") => Package;
  readonly close: () => Promise<void>;
}

type RootsByKind = Readonly<Partial<Record<Guest["kind"], Root>>>;

async function rootsByKind(wanted: NonNullable<ContractOptions["rootsOf"]>): Promise<RootsByKind> {
  const found: [string, Root][] = [];
  for (const [kind, make] of Object.entries(wanted)) found.push([kind, await make()]);
  return Object.fromEntries(found);
}

async function openBench(
  makeDriver: (folders: DriverFolders) => Driver,
  packagesRoot: Root | null,
  others: RootsByKind,
): Promise<Bench> {
  const root = mkdtempSync(path.join(tmpdir(), "whiskers-contract-"));
  const folder = path.join(root, "package");
  const stateDirectory = path.join(root, "state");
  mkdirSync(folder);
  mkdirSync(stateDirectory);
  writeFileSync(path.join(folder, "normalize.py"), "def run(meta, raw):\n    return []\n");
  writeFileSync(path.join(folder, "normalize.mjs"), "export async function* run() {}\n");
  writeFileSync(path.join(folder, "normalize.php"), "<?php\nfunction run() { return []; }\n");
  const driver = makeDriver({ stateDirectory, sdkFolder: SDK_FOLDER });
  if (driver.capabilities.guests.includes("wasm")) {
    // Only there: the machine of test/fixtures/debian-machine.ts has no packages of npm.
    const { assemble, CONTRACT_MODULES } = await import("../fixtures/wasm-modules.ts");
    for (const [name, fields] of Object.entries(CONTRACT_MODULES)) {
      writeFileSync(path.join(folder, `${name}.wasm`), await assemble(fields));
    }
  }
  const probe = await driver.probe();
  let count = 0;
  const onRoot = (pkg: Package): Package => {
    if (driver.capabilities.needsRoot !== true) return pkg;
    const { kind } = pkg.manifest.guest;
    return { ...pkg, root: others[kind] ?? (kind === "python" || kind === "program" ? packagesRoot : null) };
  };
  return {
    driver,
    folder,
    stateDirectory,
    unavailable: probe.available ? null : `not available here: ${probe.reason}`,
    python: { ...pythonPackage(folder), root: packagesRoot },
    command: (argv, module) => ({
      ...packageOf(folder, commandGuest(driver, argv, module), `command-${(count += 1)}`),
      root: packagesRoot,
    }),
    onRoot,
    withDependencies: (kind) => onRoot(dependentPackage(root, kind)),
    close: async () => {
      await driver.close?.();
      rmSync(root, { recursive: true, force: true });
    },
  };
}

/** Cannot be tried on this driver, with the reason. */
class NotTried extends Error {}

function skipIf(t: TestContext): (error: unknown) => void {
  return (error) => {
    if (!(error instanceof NotTried)) throw error;
    t.skip(error.message);
  };
}

function commandGuest(
  { capabilities: { guests } }: Driver,
  argv: readonly string[],
  module: Parameters<Bench["command"]>[1],
): Guest {
  if (typeof module === "object" && "kind" in module) return module;
  if (guests.includes("command")) return { kind: "command", argv };
  if (module === undefined) throw new NotTried("WebAssembly has no processes, signals and shells");
  const [name, ...args] = typeof module === "string" ? [module] : module;
  return { kind: "wasm", file: `${name}.wasm`, args, plain: true };
}

function wasmPackage(folder: string): Package {
  return packageOf(folder, { kind: "wasm", file: "protocol.wasm", args: [], plain: false }, "wasm");
}

function pythonPackage(folder: string): Package {
  return packageOf(folder, { kind: "python", version: null, module: "normalize", callable: "run" }, "python");
}

function javascriptPackage(folder: string): Package {
  return packageOf(folder, { kind: "javascript", file: "normalize.mjs", export: "run" }, "javascript");
}

function dependentPackage(root: string, kind: "python" | "javascript"): Package {
  // Of its own: the tests of two kinds run at the same time, and one would read what the other is writing anew.
  const [folder, libraries] = [path.join(root, `dependent-${kind}`), path.join(root, `libraries-${kind}`)];
  for (const [file, content] of Object.entries({
    [`${folder}/normalize.py`]: "import colour\ndef run(meta, raw):\n    return []\n",
    [`${folder}/normalize.mjs`]:
      'import { red } from "colour";\nimport "colour/deep.js";\nimport { createRequire } from "node:module";\n' +
      'createRequire(import.meta.url)("shade");\nexport function run() { return red; }\n',
    [`${libraries}/python/colour.py`]: "import json\n",
    [`${libraries}/node_modules/colour/package.json`]:
      '{"type": "module", "exports": {".": "./a.js", "./deep.js": "./a.js"}}',
    [`${libraries}/node_modules/colour/a.js`]: 'import "shade";\nexport const red = [];\n',
    [`${libraries}/node_modules/shade/index.js`]: "module.exports = 1;\n",
  })) {
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, content);
  }
  const pkg = kind === "python" ? pythonPackage(folder) : javascriptPackage(folder);
  const [own, theirs] = kind === "python" ? ["e", "d"] : ["f", "c"];
  return {
    ...pkg,
    digest: `sha256:${own.repeat(64)}`,
    dependencies: { folder: libraries, digest: `sha256:${theirs.repeat(64)}` },
  };
}

function phpPackage(folder: string): Package {
  return packageOf(folder, { kind: "php", version: null, file: "normalize.php", callable: "run" }, "php");
}

/** The least that the protocol asks for. */
function programPackage(folder: string): Package {
  const ready = String.raw`\0\0\0\21\20\0\0\0\0{"protocols":[1]}`;
  return packageOf(
    folder,
    { kind: "program", argv: ["sh", "-c", `printf '${ready}'; cat >/dev/null`] },
    "program",
  );
}

const LATE_CODE = [
  ["python", "normalize.py", 'def run(meta, raw):\n    yield {"object_type": "Network", "name": "late"}\n'],
  [
    "javascript",
    "normalize.mjs",
    'export function* run() { yield { object_type: "Network", name: "late" }; }\n',
  ],
] as const;

const PROTOCOL_GUESTS = {
  python: pythonPackage,
  javascript: javascriptPackage,
  php: phpPackage,
  program: programPackage,
  wasm: wasmPackage,
};

function packageOf(folder: string, guest: Guest, name: string): Package {
  return barePackage({ name, folder, guest });
}

async function open(driver: Driver, pkg: Package, request: Partial<OpenRequest> = {}): Promise<Sandbox> {
  const prepared = await driver.prepare(pkg);
  const sandbox = await driver.open(prepared, { limits: LIMITS, state: "fresh", files: [], ...request });
  sandbox.errors.resume();
  return sandbox;
}

async function runCommand(
  driver: Driver,
  pkg: Package,
  { input = Buffer.alloc(0), files = [] }: { input?: Buffer; files?: OpenRequest["files"] } = {},
): Promise<{ id: string; output: Buffer; errors: Buffer; ending: Ending }> {
  const prepared = await driver.prepare(pkg);
  const sandbox = await driver.open(prepared, { limits: LIMITS, state: "fresh", files });
  const [output, errors] = [collect(sandbox.output), collect(sandbox.errors)];
  const closed = Promise.all([endOf(sandbox.output), endOf(sandbox.errors)]);
  sandbox.input.end(input);
  try {
    const ending = await sandbox.ended;
    await closed;
    return { id: sandbox.id, output: output(), errors: errors(), ending };
  } finally {
    await sandbox.close();
  }
}

function collect(stream: Sandbox["output"]): () => Buffer {
  const chunks: Buffer[] = [];
  stream.on("data", (chunk: Buffer) => chunks.push(chunk));
  return () => Buffer.concat(chunks);
}

function endOf(stream: Sandbox["output"]): Promise<void> {
  return new Promise((resolve) => {
    stream.once("end", resolve);
    stream.once("close", resolve);
  });
}

async function firstBytes(sandbox: Sandbox, count: number): Promise<Buffer> {
  const said = collect(sandbox.output);
  const over = sandbox.ended.then(() => true);
  while (said().length < count) {
    if (await Promise.race([over, delay(2, false)])) break;
  }
  return said();
}

/** A number that no other process has among its arguments. */
function markOf({ stateDirectory }: Bench): string {
  const seconds = 1000 + Math.floor(Math.random() * 8_000_000);
  assert.ok(stateDirectory !== "");
  return String(seconds);
}

function findProcesses(mark: string): readonly number[] {
  return readdirSync("/proc")
    .map(Number)
    .filter((pid) => {
      try {
        // A process that has ended has no arguments any more.
        const argv = readFileSync(`/proc/${pid}/cmdline`, "latin1").split("\0");
        return argv[0]?.endsWith("sleep") === true && argv[1] === mark;
      } catch {
        return false;
      }
    });
}

async function waitFor<T>(look: () => T, isIt: (seen: T) => boolean): Promise<T> {
  for (const giveUpAtMs = performance.now() + GIVE_UP_MS; performance.now() < giveUpAtMs;) {
    const seen = look();
    if (isIt(seen)) return seen;
    await delay(5);
  }
  return look();
}

function countMounts(): number {
  return readFileSync("/proc/self/mountinfo", "utf8").trim().split("\n").length;
}
