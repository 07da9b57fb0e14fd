import assert from "node:assert/strict";
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, beforeEach, suite, test } from "node:test";

import { compilePackage } from "./compile-package.ts";
import { compileStale } from "./compile-stale.ts";

const WASM = { id: "it", name: "It", environment: "wasm", entrypoint: "it.wasm" };
/** Counts; its fourth argument is the file that it writes. */
const GO = "if [ $1 = env ]; then echo go1.23.4; exit 0; fi; echo >> ../../compiled; echo module > $4;";

/** With compilers of a few lines each: the real ones are tried in test/toolchains/run-compiles.test.ts. */
suite("compiling before a run", () => {
  let folder = "";
  let source = "";
  let count = 0;

  before(() => {
    folder = mkdtempSync(path.join(tmpdir(), "whiskers-stale-"));
    mkdirSync(path.join(folder, "bin"));
  });
  beforeEach(() => {
    source = path.join(folder, `${(count += 1)}`, "source");
    mkdirSync(source, { recursive: true });
    writeFileSync(path.join(source, "normalizer.json"), JSON.stringify(WASM));
    writeFileSync(path.join(source, "main.go"), "package main\n");
    writeFileSync(path.join(source, "go.mod"), "");
    rmSync(path.join(folder, "compiled"), { force: true });
    program("go", GO);
  });
  after(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  const program = (name: string, body: string): void => {
    writeFileSync(path.join(folder, "bin", name), `#!/bin/sh\n${body}\n`, { mode: 0o755 });
  };
  const options = (mayRunItsCode = false) => ({
    home: path.join(folder, "home"),
    env: { PATH: path.join(folder, "bin") },
    signal: new AbortController().signal,
    progress: () => {},
    mayRunItsCode,
  });
  const module = (): string => path.join(source, "it.wasm");
  const compile = (): Promise<string | null> => compileStale(source, options());
  const times = (): number => {
    const file = path.join(folder, "compiled");
    return existsSync(file) ? readFileSync(file).length : 0;
  };

  test("once, and again when a source is new, other, or gone", async () => {
    assert.equal(await compile(), module());
    assert.equal(await compile(), null);
    const file = path.join(source, "more.go");
    for (const change of [
      () => {
        writeFileSync(file, "package main\n");
      },
      () => {
        appendFileSync(file, "// more\n");
      },
      () => {
        rmSync(file);
      },
    ]) {
      change();
      assert.equal(await compile(), module());
      assert.equal(await compile(), null);
    }
    assert.equal(times(), 4);
  });

  test("not for what is no source: cases, what is installed, the manifest, times", async () => {
    await compile();
    for (const name of ["tests/a", "node_modules/a", "target"])
      mkdirSync(path.join(source, name), { recursive: true });
    for (const name of ["tests/a/raw", "node_modules/a/index.js", "target/CACHEDIR.TAG", "target/x"])
      writeFileSync(path.join(source, name), "x");
    writeFileSync(path.join(source, "normalizer.json"), JSON.stringify({ ...WASM, description: "It is." }));
    writeFileSync(path.join(source, "main.go"), "package main\n");
    assert.equal(await compile(), null);
    assert.equal(times(), 1);
  });

  test("what `whiskers build` compiled is not compiled again; a module that does not say from what stays", async () => {
    await compilePackage(source, false, options());
    assert.equal(await compile(), null);
    writeFileSync(module(), "by hand");
    appendFileSync(path.join(source, "main.go"), "// more\n");
    assert.equal(await compile(), null);
    assert.equal(readFileSync(module(), "utf8"), "by hand");
  });

  test("what fails leaves the module of before, and is tried again", async () => {
    await compile();
    const first = readFileSync(module());
    appendFileSync(path.join(source, "main.go"), "// more\n");
    program("go", `${GO} echo main.go:2: no >&2; exit 2`);
    for (const _ of [1, 2])
      await assert.rejects(compile(), { code: "build-failed", message: /main\.go:2: no/u });
    assert.deepEqual(readFileSync(module()), first);
    assert.equal(times(), 3);
  });

  test("what is saved while it compiles is compiled the next time", async () => {
    program("go", `${GO} if [ ! -e done ]; then echo >> main.go; echo > done; fi`);
    assert.equal(await compile(), module());
    assert.equal(await compile(), module());
    assert.equal(await compile(), null);
  });

  test("Rust is compiled only when it may run code of the folder; its lock file makes it no other source", async () => {
    rmSync(path.join(source, "go.mod"));
    writeFileSync(path.join(source, "Cargo.toml"), "");
    const made = path.join(folder, "made.wasm");
    const message = JSON.stringify({ reason: "compiler-artifact", executable: made });
    program("rustc", `echo ${folder}`);
    program("cargo", `echo >> ../../compiled; echo module > ${made}; echo > Cargo.lock; echo '${message}'`);
    const refused = {
      code: "usage",
      message: /it\.wasm is not there, and compiling Rust runs code of this folder as you/u,
    };
    await assert.rejects(compile(), refused);
    assert.equal(times(), 0);
    assert.equal(await compileStale(source, options(true)), module());
    assert.equal(await compile(), null);
    appendFileSync(path.join(source, "main.go"), "// more\n");
    await assert.rejects(compile(), { code: "usage", message: /is of other sources than there are now/u });
    assert.equal(times(), 1);
  });

  test("Python is, too: componentize-py lets what it loads write to what is installed", async () => {
    rmSync(path.join(source, "go.mod"));
    writeFileSync(path.join(source, "it.py"), "def run(meta, raw):\n    yield\n");
    program(
      "componentize-py",
      "echo >> ../../compiled; while [ $1 != --output ]; do shift; done; echo module > $2",
    );
    await assert.rejects(compile(), {
      code: "usage",
      message: /compiling Python runs code of this folder as you/u,
    });
    assert.equal(times(), 0);
    assert.equal(await compileStale(source, options(true)), module());
    assert.equal(await compile(), null);
  });

  test("what is no WebAssembly, or has no source, is left as it is", async () => {
    for (const manifest of [{ ...WASM, environment: "program", entrypoint: ["./it"] }, WASM]) {
      writeFileSync(path.join(source, "normalizer.json"), JSON.stringify(manifest));
      if (manifest === WASM) rmSync(path.join(source, "go.mod"));
      assert.equal(await compile(), null);
    }
    assert.equal(await compileStale(path.join(source, "none"), options()), null);
    assert.equal(times(), 0);
  });
});
