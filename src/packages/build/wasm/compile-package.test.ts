import assert from "node:assert/strict";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, suite, test } from "node:test";

import { compilePackage } from "./compile-package.ts";

/** Its fourth argument is the file that it writes. */
const OLD_GO = "if [ $1 = env ]; then echo go1.23.4; exit 0; fi;";
const WASM = { id: "it", name: "It", environment: "wasm", entrypoint: "it.wasm" };

/** With compilers of a few lines each: the real ones are tried in test/toolchains/wasm.test.ts. */
suite("compiling packages to WebAssembly", () => {
  let folder = "";
  let count = 0;

  before(() => {
    folder = mkdtempSync(path.join(tmpdir(), "whiskers-compile-"));
  });
  after(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  const sources = (manifest: object, ...names: readonly string[]): string => {
    const made = path.join(folder, `source-${(count += 1)}`);
    mkdirSync(made);
    writeFileSync(path.join(made, "normalizer.json"), JSON.stringify(manifest));
    for (const name of names) writeFileSync(path.join(made, name), "");
    return made;
  };
  /** @param programs bodies of shell scripts by name: all that is on the PATH, but the system's own */
  const compile = (
    source: string,
    programs: Readonly<Record<string, string>>,
    toWasm = false,
  ): ReturnType<typeof compilePackage> => {
    const bin = path.join(folder, `bin-${(count += 1)}`);
    mkdirSync(bin);
    for (const [name, body] of Object.entries(programs))
      writeFileSync(path.join(bin, name), `#!/bin/sh\n${body}\n`, { mode: 0o755 });
    return compilePackage(source, toWasm, {
      home: path.join(folder, "home"),
      env: { PATH: bin },
      signal: new AbortController().signal,
      progress: () => {},
    });
  };

  test("what a toolchain lacks is said with how to get it, and no module is left", async () => {
    const rust = sources(WASM, "Cargo.toml");
    await assert.rejects(compile(rust, {}), {
      code: "environment-missing",
      message: /there is no rustc on the PATH\. .*rustup/u,
    });
    await assert.rejects(compile(rust, { rustc: "echo /nowhere" }), {
      code: "environment-missing",
      message: /rustup target add wasm32-wasip1/u,
    });
    await assert.rejects(compile(sources(WASM, "go.mod"), {}), {
      code: "environment-missing",
      message: /there is no go on the PATH/u,
    });
    assert.deepEqual(readdirSync(rust).toSorted(), ["Cargo.toml", "normalizer.json"]);
  });

  test("what the compiler says is the error; the module of before stays", async () => {
    const source = sources(WASM, "go.mod", "it.wasm");
    await assert.rejects(compile(source, { go: `${OLD_GO} echo main.go:7: no >&2; echo x > $4; exit 2` }), {
      code: "build-failed",
      message: /go: main\.go:7: no/u,
    });
    assert.equal(readFileSync(path.join(source, "it.wasm"), "utf8"), "");
    await assert.rejects(compile(source, { go: `${OLD_GO} exit 0` }), {
      code: "build-failed",
      message: /wrote no module/u,
    });
  });

  test("of several programs of one crate the one of the entrypoint's name is taken", async () => {
    const made = path.join(folder, "made");
    mkdirSync(made);
    const built = ["other.wasm", "it.wasm"].map((name) => {
      writeFileSync(path.join(made, name), name);
      return JSON.stringify({ reason: "compiler-artifact", executable: path.join(made, name) });
    });
    const tools = { rustc: `echo ${made}` };
    const cargo = built.map((line) => `echo '${line}'`).join("\n");
    const source = sources(WASM, "Cargo.toml");
    await compile(source, { ...tools, cargo });
    assert.match(
      readFileSync(path.join(source, "it.wasm"), "utf8"),
      /^it\.wasm\0Q\u0010whiskers:sources[0-9a-f]{64}$/u,
    );
    const other = sources({ ...WASM, entrypoint: "third.wasm" }, "Cargo.toml");
    await assert.rejects(compile(other, { ...tools, cargo }), {
      code: "build-failed",
      message: /other\.wasm, it\.wasm; expected one, or one called third\.wasm/u,
    });
  });

  test("a package of another environment becomes one of WebAssembly, apart from its folder", async () => {
    const manifest = { id: "it", name: "It", version: "2", environment: "program", entrypoint: ["./it"] };
    const source = sources(manifest, "go.mod");
    const found = readdirSync(source);
    let apart = "";
    {
      await using built = await compile(source, { go: `${OLD_GO} echo module > $4` }, true);
      apart = built.folder;
      assert.equal(built.language, "Go");
      assert.deepEqual(readdirSync(apart).toSorted(), ["normalize.wasm", "normalizer.json"]);
      assert.deepEqual(JSON.parse(readFileSync(path.join(apart, "normalizer.json"), "utf8")), {
        ...manifest,
        environment: "wasm",
        entrypoint: "normalize.wasm",
      });
    }
    assert.ok(!existsSync(apart));
    assert.deepEqual(readdirSync(source), found);
  });

  test("what is no WebAssembly, or has no source, is left as it is", async () => {
    const program = sources({ id: "it", name: "It", environment: "program", entrypoint: ["./it"] }, "go.mod");
    assert.equal((await compile(program, {})).language, null);
    const module = sources(WASM, "it.wasm");
    assert.equal((await compile(module, {})).language, null);
    const shell = { id: "it", name: "It", environment: "none", entrypoint: ["sh"] };
    await assert.rejects(compile(sources(shell), {}, true), {
      code: "usage",
      message: /sources in Rust, Go/u,
    });
  });
});
