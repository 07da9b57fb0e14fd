import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { test } from "node:test";

import type { Sandbox } from "../driver.ts";
import type { Python } from "../interpreters.ts";
import { compilePython } from "./compile-ahead.ts";
import type { ViewHost } from "./view-host.ts";

const PYTHON = { executable: "/usr/bin/python3", cacheTag: "cpython-311" } as Python;

/** A host whose interpreter prints this as the compiled code of every file. */
function hostThatCompilesTo(stateDirectory: string, content: string): ViewHost {
  const launch = (): Promise<Sandbox> => {
    const output = new PassThrough();
    output.end(`code.py\t${Buffer.from(content).toString("base64")}\nend\n`);
    const [input, errors] = [new PassThrough(), new PassThrough()];
    return Promise.resolve({ input, output, errors, close: () => Promise.resolve() } as unknown as Sandbox);
  };
  return { stateDirectory, launch } as unknown as ViewHost;
}

test("I17 what the interpreter of a root compiled is for that root alone", async () => {
  const folder = mkdtempSync(join(tmpdir(), "whiskers-test-"));
  try {
    const code = join(folder, "code");
    mkdirSync(code);
    writeFileSync(join(code, "code.py"), "X = 1\n");
    const compiled = async (root: string | null): Promise<string> => {
      const copy = await compilePython({ folder: code, digest: "sha256:aa" }, "/whiskers/package", {
        python: PYTHON,
        root: root === null ? null : { name: root, digest: `sha256:${root}`, folder },
        entries: [],
        host: hostThatCompilesTo(folder, `compiled by ${root}`),
      });
      return readFileSync(join(copy, "__pycache__/code.cpython-311.pyc"), "utf8");
    };
    for (const root of ["bad", "good", null]) assert.equal(await compiled(root), `compiled by ${root}`);
    assert.equal(await compiled("good"), "compiled by good", "kept");
  } finally {
    rmSync(folder, { recursive: true });
  }
});
