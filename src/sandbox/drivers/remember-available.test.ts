import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { describe, it } from "node:test";

import type { Driver } from "../driver.ts";
import { createMicrovmDriver } from "./microvm/create-microvm-driver.ts";
import { createOciDriver } from "./oci/create-oci-driver.ts";
import { rememberAvailable } from "./remember-available.ts";

describe("a set-up that is remembered", () => {
  it("is tried once by all who ask at a time, and again only until it works", async () => {
    const answers = [false, "thrown", true] as const;
    let tries = 0;
    const setUp = rememberAvailable(async () => {
      const answer = answers[tries];
      tries += 1;
      await Promise.resolve();
      if (answer === "thrown") throw new Error("no");
      return { available: answer === true };
    });
    assert.deepEqual(await Promise.all([setUp(), setUp()]), [{ available: false }, { available: false }]);
    assert.equal(tries, 1);
    await assert.rejects(setUp(), /no/u);
    for (let ask = 0; ask < 3; ask += 1) assert.deepEqual(await setUp(), { available: true });
    assert.equal(tries, 3);
  });
});

/** Each finds a program there that was not there before: it is another reason then why nothing can be run. */
const DRIVERS: readonly {
  readonly program: string;
  readonly make: (folder: string) => Driver;
}[] = [
  {
    program: "runc",
    make: (folder) =>
      createOciDriver({ stateDirectory: folder, sdkFolder: SDK, runtime: "runc", searchPath: folder }),
  },
  {
    program: "qemu-system-x86_64",
    make: (folder) =>
      createMicrovmDriver({
        stateDirectory: folder,
        sdkFolder: SDK,
        searchPath: folder,
        kernel: "/nonexistent/kernel",
        diskImage: () => Promise.reject(new Error("no disks here")),
      }),
  },
];
const SDK = path.resolve(import.meta.dirname, "../../../sdk");

describe("drivers look again for what was missing", () => {
  for (const { program, make } of DRIVERS) {
    it(program, async (t) => {
      const folder = mkdtempSync(path.join(tmpdir(), "whiskers-again-"));
      t.after(() => {
        rmSync(folder, { recursive: true, force: true });
      });
      const driver = make(folder);
      const first = await reasonOf(driver);
      assert.match(first, new RegExp(program, "u"));
      writeFileSync(path.join(folder, program), "#!/bin/sh\nexit 1\n");
      chmodSync(path.join(folder, program), 0o755);
      assert.notEqual(await reasonOf(driver), first);
    });
  }
});

async function reasonOf(driver: Driver): Promise<string> {
  const probe = await driver.probe();
  return probe.available ? "available" : probe.reason;
}
