import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
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
});
