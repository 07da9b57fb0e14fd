import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";

import { createSubprocessDriver } from "../../src/sandbox/drivers/subprocess/create-subprocess-driver.ts";
import { openSandboxes } from "../../src/sandbox/sandboxes.ts";
import { ATTACK_LIMITS } from "./attack.ts";
import { makeAttackPackage } from "./attack-package.ts";
import { openHostTargets } from "./host-targets.ts";
import type { HostTargets } from "./host-targets.ts";
import { runAttack } from "./run-attack.ts";

const CORE_PATTERN = "/proc/sys/kernel/core_pattern";
const HANDLER_WAIT_MS = 5000;

/** Changes a setting of the whole machine for a few seconds: only where that disturbs nobody. */
const skip =
  process.geteuid?.() === 0 && process.env["CI"] === "true"
    ? false
    : "it changes where the kernel hands core dumps: as root, with CI=true";

describe("a program that the kernel hands core dumps to", { skip }, () => {
  let targets: HostTargets;
  let folder: string;
  let marker: string;
  let patternBefore: string;
  before(async () => {
    targets = await openHostTargets();
    folder = mkdtempSync(path.join(tmpdir(), "whiskers-test-core-"));
    marker = path.join(folder, "started");
    const handler = path.join(folder, "handler");
    writeFileSync(handler, `#!/bin/sh\n: >"${marker}-$1"\n`);
    chmodSync(handler, 0o755);
    patternBefore = readFileSync(CORE_PATTERN, "utf8");
    writeFileSync(CORE_PATTERN, `|${handler} %s`);
  });
  after(async () => {
    writeFileSync(CORE_PATTERN, patternBefore);
    rmSync(folder, { recursive: true, force: true });
    await targets.close();
  });

  it("is started by a crash outside of a sandbox, so that this test can fail", async () => {
    await promisify(execFile)("python3", ["-c", "import ctypes; ctypes.string_at(0)"]).catch(() => {});
    const deadline = performance.now() + HANDLER_WAIT_MS;
    while (!existsSync(`${marker}-11`) && performance.now() < deadline) await sleep(20);
    assert.ok(existsSync(`${marker}-11`), "the kernel did not start it");
    rmSync(`${marker}-11`);
  });

  for (const variant of ["bubblewrap", "util-linux"] as const) {
    it(`is not started by a guest (${variant})`, async () => {
      const stateDirectory = path.join(targets.folder, "state", variant);
      const sdkFolder = path.join(import.meta.dirname, "../../sdk");
      const driver = createSubprocessDriver({ stateDirectory, sdkFolder, variant });
      const pkg = makeAttackPackage("crash", targets);
      const sandboxes = openSandboxes({ drivers: [driver] });
      try {
        const options = { runtime: driver.name, state: "fresh" as const, limits: ATTACK_LIMITS };
        const { evidence } = await runAttack(sandboxes, pkg, options, targets, 1);
        assert.equal(evidence.ending, "normalizer-crashed");
      } finally {
        await sandboxes.close();
      }
      // The sandbox is gone, and a process that dumps core is gone only when its handler has read it.
      assert.ok(!existsSync(`${marker}-11`), "the guest's crash started a program of the host");
    });
  }
});
