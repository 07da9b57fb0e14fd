import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
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

test("what cannot be copied runs as it is, and nothing of the copy stays", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "whiskers-test-"));
  t.after(() => {
    spawnSync("umount", ["--lazy", join(folder, "compiled")]);
    rmSync(folder, { recursive: true });
  });
  const code = join(folder, "code");
  mkdirSync(code);
  writeFileSync(join(code, "code.py"), "X = 1\n");
  // A disk without room for all of it, for whoever writes there.
  mkdirSync(join(folder, "compiled"));
  const { status, stderr } = spawnSync("mount", [
    "-t",
    "tmpfs",
    "-o",
    "size=16k",
    "whiskers-test",
    join(folder, "compiled"),
  ]);
  if (status !== 0) {
    t.skip(`no mount: ${String(stderr)}`);
    return;
  }
  writeFileSync(join(code, "big.py"), Buffer.alloc(64 * 1024));
  const copy = await compilePython({ folder: code, digest: "sha256:aa" }, "/whiskers/package", {
    python: PYTHON,
    root: null,
    entries: [],
    host: hostThatCompilesTo(folder, "compiled"),
  });
  assert.equal(copy, code);
  assert.deepEqual(readdirSync(join(folder, "compiled")), []);
});
