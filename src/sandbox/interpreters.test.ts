import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { suite, test } from "node:test";

import { findPython } from "./interpreters.ts";

suite("findPython", () => {
  test("says what each that it tried has to say, and names every folder once", async (t) => {
    const folder = mkdtempSync(path.join(tmpdir(), "whiskers-pythons-"));
    t.after(() => {
      rmSync(folder, { recursive: true, force: true });
    });
    const shim = "#!/bin/sh\necho 'shim: no such version' >&2\necho 'and much advice' >&2\nexit 127\n";
    writeFileSync(path.join(folder, "python3.9"), shim, { mode: 0o755 });
    await assert.rejects(findPython("3.9", { python: undefined, searchPath: `${folder}::${folder}` }), {
      code: "environment-missing",
      message:
        `no Python 3.9: looked for python3.9, python3, python in ${folder}; ` +
        `${folder}/python3.9 does not work: shim: no such version`,
    });
  });

  test("the digest of an environment follows what is installed in it", { timeout: 60_000 }, async (t) => {
    const folder = mkdtempSync(path.join(tmpdir(), "whiskers-venv-"));
    t.after(() => {
      rmSync(folder, { recursive: true, force: true });
    });
    execFileSync("python3", ["-m", "venv", "--without-pip", folder]);
    const python = path.join(folder, "bin/python3");
    const digest = async (): Promise<string> => (await findPython(null, { python, searchPath: "" })).digest;
    const empty = await digest();
    assert.match(empty, /^sha256:[0-9a-f]{64}$/u);
    assert.equal(await digest(), empty);
    const [version = ""] = readdirSync(path.join(folder, "lib"));
    const installed = path.join(folder, "lib", version, "site-packages/thing-1.0.dist-info");
    mkdirSync(installed);
    writeFileSync(path.join(installed, "RECORD"), "thing.py,sha256=a,1\n");
    const first = await digest();
    writeFileSync(path.join(installed, "RECORD"), "thing.py,sha256=b,1\n");
    assert.equal(new Set([empty, first, await digest()]).size, 3);
  });
});
