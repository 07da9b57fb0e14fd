/** Machines of an ordinary user, who owns nothing: QEMU is that user's, and so are kernel, disks and snapshots. */
import assert from "node:assert/strict";
import { execFile, execFileSync } from "node:child_process";
import { chownSync, chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { it } from "node:test";
import { promisify } from "node:util";

import type { StatePolicy } from "../../src/domain/package.ts";
import { baseRoot } from "../fixtures/base-root.ts";
import { debianKernel } from "../fixtures/debian-kernel.ts";
import { whyNoMachine } from "../fixtures/debian-machine.ts";
import type { MicrovmBrief, MicrovmReport } from "../fixtures/microvm-runner.ts";
import { asNobody, NOBODY, othersMayRead } from "../fixtures/ordinary-user.ts";

const RUNNER = path.resolve(import.meta.dirname, "../fixtures/microvm-runner.ts");
const DEADLINE_MS = 240_000;
/** Each is a machine that has to boot. */
const STATES: readonly StatePolicy[] =
  process.env["WHISKERS_TEST_MICROVM"] === "all" ? ["fresh", "fork", "reuse"] : ["fresh"];
const NORMALIZER = `
runs = 0
def run(meta, raw):
    global runs
    runs += 1
    yield {"runs": runs}
`;

it("machines of an ordinary user run, are saved and go on", { skip: whyNot() }, async (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), "whiskers-microvm-user-"));
  t.after(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  const { unavailable, advice, runs, monitors, snapshots } = await runAsNobody(await briefIn(folder));
  if (unavailable !== null && /user namespace|Creating new namespace failed/iu.test(unavailable)) {
    t.skip(`this machine keeps user namespaces from ordinary users: ${unavailable}`);
    return;
  }
  assert.equal(unavailable, null);
  const counted: Readonly<Record<StatePolicy, readonly number[]>> = {
    fresh: [1, 1],
    fork: [1, 1],
    reuse: [1, 2],
  };
  assert.deepEqual(
    runs,
    STATES.flatMap((state) => counted[state]).map((count) => ({
      outcome: { status: "succeeded" },
      output: `{"runs":${count}}\n`,
    })),
  );
  assert.equal(snapshots, 1, "there is a snapshot");
  assert.ok(
    advice.some((line) => line.startsWith("not root: the monitor runs as the user who runs Whiskers")),
    advice.join("\n"),
  );
  assert.ok(monitors.length > 0, "QEMU was seen");
  for (const status of monitors) {
    assert.match(status, new RegExp(`^Uid:\\t${NOBODY}\\t`, "mu"));
    assert.match(status, /^CapEff:\t0+$/mu);
    assert.match(status, /^NoNewPrivs:\t1$/mu);
    assert.match(status, /^Seccomp:\t2$/mu);
  }
});

/** All that the user needs, in a folder of the user's own. */
async function briefIn(folder: string): Promise<MicrovmBrief> {
  const kernel = await debianKernel();
  const root = await baseRoot("python:3.11");
  const packageFolder = path.join(folder, "package");
  mkdirSync(packageFolder);
  writeFileSync(path.join(packageFolder, "normalize.py"), NORMALIZER);
  linkTree(path.resolve(path.dirname(kernel), ".."), path.join(folder, "kernel"));
  linkTree(root.folder, path.join(folder, "root"));
  const stateDirectory = path.join(folder, "state");
  for (const name of [stateDirectory, path.join(folder, "tmp")]) {
    mkdirSync(name);
    chownSync(name, NOBODY, NOBODY);
  }
  chmodSync(folder, 0o755);
  return {
    stateDirectory,
    kernel: path.join(folder, "kernel/boot", path.basename(kernel)),
    root: { ...root, folder: path.join(folder, "root") },
    packageFolder,
    states: STATES,
  };
}

/** Another user may not come near where they are kept. */
function linkTree(from: string, to: string): void {
  try {
    execFileSync("cp", ["-al", from, to], { stdio: "ignore" });
  } catch {
    // On another file system.
    rmSync(to, { recursive: true, force: true });
    execFileSync("cp", ["-a", from, to]);
  }
}

async function runAsNobody(brief: MicrovmBrief): Promise<MicrovmReport> {
  const [program = "", ...args] = asNobody([process.execPath, RUNNER, JSON.stringify(brief)]);
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const { stdout } = await promisify(execFile)(program, args, {
    env: { ...env, HOME: "/nonexistent", TMPDIR: path.join(path.dirname(brief.stateDirectory), "tmp") },
    timeout: DEADLINE_MS,
  });
  return JSON.parse(stdout) as MicrovmReport;
}

function whyNot(): string | false {
  const reason = whyNoMachine();
  if (reason !== null) return reason;
  return othersMayRead(RUNNER) && othersMayRead(process.execPath)
    ? false
    : "the checkout lies where only root can read";
}
