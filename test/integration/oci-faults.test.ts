import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, describe, it } from "node:test";

import { DEFAULT_LIMITS } from "../../src/domain/limits.ts";
import { WhiskersError } from "../../src/errors.ts";
import { removeEverywhere } from "../../src/sandbox/cgroup/everywhere.ts";
import type { Driver, Ending } from "../../src/sandbox/driver.ts";
import { createOciDriver } from "../../src/sandbox/drivers/oci/create-oci-driver.ts";
import { commandPackage } from "../fixtures/command-package.ts";

const SDK_FOLDER = path.resolve(import.meta.dirname, "../../sdk");
const KiB = 1024;
/** A container's own files are some of these. */
const FREE_KIB = [4, 12, 16, 20, 28, 36, 44];

/** A runtime of this machine, until a file of this name is there. */
const FAULTY = `#!/bin/sh
if [ -e "$0.silent" ]; then exit 1; fi
if [ -e "$0.elsewhere" ]; then
  for bundle do [ "$before" != --bundle ] || break; before=$bundle; done
  sed -i 's/"cgroupsPath":"[^"]*"/"cgroupsPath":"whiskers-test-elsewhere"/' "$bundle/config.json"
fi
exec runc "$@"
`;

const skip = process.geteuid?.() === 0 ? false : "it mounts a small disk, and makes cgroups";

describe("the oci runtime when something fails", { skip, timeout: 240_000 }, () => {
  let folder: string;
  const driverOf = (runtime: string, stateDirectory = path.join(folder, "state")): Driver =>
    createOciDriver({ stateDirectory, sdkFolder: SDK_FOLDER, runtime });
  /** How a guest's sandbox ended, and what the guest printed; null: it could not be opened, as the platform's failure. */
  const run = async (driver: Driver): Promise<{ ending: Ending; output: string } | null> => {
    const prepared = await driver.prepare(
      commandPackage(path.join(folder, "package"), ["sh", "-c", "echo a guest; exit 3"]),
    );
    try {
      const sandbox = await driver.open(prepared, { limits: DEFAULT_LIMITS, state: "fresh", files: [] });
      sandbox.errors.resume();
      sandbox.input.end();
      const output = (await sandbox.output.toArray()).join("");
      const ending = await sandbox.ended;
      await sandbox.close();
      return { ending, output };
    } catch (error) {
      assert.ok(error instanceof WhiskersError && error.code === "sandbox-failed", String(error));
      return null;
    }
  };

  before(() => {
    folder = mkdtempSync(path.join(tmpdir(), "whiskers-oci-faults-"));
    chmodSync(folder, 0o755);
    mkdirSync(path.join(folder, "package"));
    writeFileSync(path.join(folder, "faulty-runc"), FAULTY, { mode: 0o755 });
  });
  after(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  for (const runtime of ["runc", "runsc"]) {
    it(`${runtime}: a full disk is not the guest's failure, however little it lacks`, async (t) => {
      const disk = mkdtempSync(path.join(folder, "disk-"));
      const mounted = spawnSync("mount", ["-t", "tmpfs", "-o", "size=40m,mode=755", "whiskers-test", disk]);
      assert.equal(mounted.status, 0, String(mounted.stderr));
      t.after(() => spawnSync("umount", ["--lazy", disk]));
      const driver = driverOf(runtime, disk);
      const probe = await driver.probe();
      if (!probe.available) {
        t.skip(probe.reason);
        return;
      }
      assert.equal((await run(driver))?.ending.exitCode, 3);
      for (const freeKiB of FREE_KIB) {
        const filler = path.join(disk, "filler");
        rmSync(filler, { force: true });
        const { bavail, bsize } = statfsSync(disk);
        writeFileSync(filler, Buffer.alloc(bavail * bsize - freeKiB * KiB));
        const ended = await run(driver);
        const isTold = ended === null || ended.ending.runtimeError !== null || ended.ending.exitCode === 3;
        assert.ok(isTold, `${freeKiB} KiB free: ${JSON.stringify(ended)}`);
      }
    });
  }

  it("a runtime that ends without a word before there is a guest is not the guest's failure", async (t) => {
    const runtime = path.join(folder, "faulty-runc");
    const driver = driverOf(runtime);
    assert.ok((await driver.probe()).available);
    writeFileSync(`${runtime}.silent`, "");
    t.after(() => {
      rmSync(`${runtime}.silent`);
    });
    assert.match((await run(driver))?.ending.runtimeError ?? "", /not set up \(status 1\)/u);
  });

  it("there is no guest where it cannot be put into its cgroup, and that is said", async (t) => {
    const runtime = path.join(folder, "faulty-runc");
    const driver = driverOf(runtime);
    assert.ok((await driver.probe()).available);
    writeFileSync(`${runtime}.elsewhere`, "");
    t.after(async () => {
      rmSync(`${runtime}.elsewhere`);
      await removeEverywhere((name) => name === "whiskers-test-elsewhere");
    });
    const ended = await run(driver);
    assert.match(ended?.ending.runtimeError ?? "", /cannot be put into its cgroup/u);
    assert.equal(ended?.output, "");
    const probe = await driverOf(runtime).probe();
    assert.ok(!probe.available);
    assert.match(probe.reason, /cannot be put into its cgroup/u);
  });
});
