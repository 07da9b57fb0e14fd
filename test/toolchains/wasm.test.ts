/** Normalizers in Rust and Go as WebAssembly: the same code as for the other runtimes, the same objects. */
import assert from "node:assert/strict";
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, test } from "node:test";

import { buildFolder, missingToolchain, runTool } from "../../sdk/test/toolchain.ts";
import { openRunner } from "../fixtures/run-package.ts";

const TARGET = "wasm32-wasip1";
const ROOT = path.resolve(import.meta.dirname, "../..");

describe("normalizers as WebAssembly", { concurrency: 1, timeout: 600_000 }, () => {
  test("Rust", { skip: missingRustTarget() }, async () => {
    using built = buildFolder();
    const folder = templateIn(built.path, "rust", ["src", "Cargo.toml"]);
    const target = path.join(built.path, "target");
    runTool(folder, ["cargo", "build", "--release", "--offline", "--target", TARGET, "--target-dir", target]);
    const module = path.join(target, TARGET, "release/normalize.wasm");
    await givesTheSame(built.path, module);
  });

  test("Go", { skip: missingToolchain("go") }, async () => {
    using built = buildFolder();
    const folder = templateIn(built.path, "go", ["go.mod", "main.go"]);
    const module = path.join(built.path, "normalize.wasm");
    runTool(folder, ["go", "build", "-o", module, "."], {
      GOOS: "wasip1",
      GOARCH: "wasm",
      GOFLAGS: "-mod=mod",
    });
    await givesTheSame(built.path, module);
  });
});

/** Why Rust cannot compile for it here; false: it can. */
function missingRustTarget(): string | false {
  const missing = missingToolchain("cargo");
  if (missing !== false) return missing;
  const libraries = runTool(ROOT, ["rustc", "--print", "target-libdir", "--target", TARGET]).trim();
  return existsSync(libraries)
    ? false
    : `Rust cannot compile for ${TARGET} here (rustup target add ${TARGET})`;
}

/** As `whiskers new` lays it out: the SDK's source beside the normalizer's. */
function templateIn(built: string, language: "rust" | "go", files: readonly string[]): string {
  const folder = path.join(built, "source");
  for (const file of files)
    cpSync(path.join(ROOT, "templates", language, file), path.join(folder, file), { recursive: true });
  cpSync(path.join(ROOT, "sdk", language), path.join(folder, "whiskers"), { recursive: true });
  return folder;
}

/** One object for each hostname in the raw file, by the runtime that `auto` takes and by name. */
async function givesTheSame(built: string, module: string): Promise<void> {
  const folder = path.join(built, "package");
  mkdirSync(folder);
  writeFileSync(path.join(folder, "normalize.wasm"), readFileSync(module));
  const manifest = { id: "hostnames", name: "Hostnames", environment: "wasm", entrypoint: "normalize.wasm" };
  writeFileSync(path.join(folder, "normalizer.json"), JSON.stringify(manifest));
  await using runner = openRunner(path.join(built, "home"));
  for (const runtime of ["auto", "wasm"]) {
    const { outcome, record, records, logs } = await runner.run(folder, { runtime });
    assert.deepEqual(outcome, { status: "succeeded" }, JSON.stringify(logs));
    assert.equal(record.runtime.driver, "wasm");
    assert.equal(record.state, "fresh");
    assert.deepEqual(
      records.objects.map((object) => object["primary_key"]),
      ["Network|internet", "Hostname|internet|internet"],
    );
    assert.match(logs.map(({ message }) => message).join("\n"), /1 different lines/u);
  }
}
