/** One normalizer, written five times. Those in Go and Rust are built first. */
import assert from "node:assert/strict";
import { copyFileSync, mkdirSync } from "node:fs";
import path from "node:path";
import { after, describe, test } from "node:test";

import { buildFolder, missingToolchain, runTool } from "../../sdk/test/toolchain.ts";

const ROOT = path.resolve(import.meta.dirname, "../..");
const PROGRAMS = path.join(ROOT, "examples/programs");

const missing = missingToolchain("go") || missingToolchain("cargo");

describe("examples", { skip: missing, timeout: 600_000 }, () => {
  const built = buildFolder();
  after(() => {
    built[Symbol.dispose]();
  });

  test("the same output, byte for byte, in every language", () => {
    const interpreted = ["python", "typescript", "php"].map((language) =>
      path.join(ROOT, `examples/normalizers/dig-${language}`),
    );
    const outputs = [...interpreted, buildGo(), buildRust()].map(outputOf);
    assert.equal(new Set(outputs).size, 1, outputs.join("\n"));
  });

  function buildGo(): string {
    const folder = packageFor("dig-go");
    const source = path.join(PROGRAMS, "dig-go");
    runTool(source, ["go", "build", "-o", path.join(folder, "normalize"), "."], { CGO_ENABLED: "0" });
    assert.equal(runTool(source, ["gofmt", "-l", "."]), "");
    return folder;
  }

  function buildRust(): string {
    const folder = packageFor("dig-rust");
    const target = path.join(built.path, "target");
    const argv = ["cargo", "build", "--offline", "--target-dir", target];
    runTool(path.join(PROGRAMS, "dig-rust"), argv, { RUSTFLAGS: "-D warnings" });
    copyFileSync(path.join(target, "debug/normalize"), path.join(folder, "normalize"));
    return folder;
  }

  function packageFor(name: string): string {
    const folder = path.join(built.path, name);
    mkdirSync(folder);
    copyFileSync(path.join(PROGRAMS, name, "normalizer.json"), path.join(folder, "normalizer.json"));
    return folder;
  }

  function outputOf(folder: string): string {
    const argv = ["src/cli/main.ts", "run", folder, "examples/raws/dig", "--json"];
    const document = JSON.parse(runTool(ROOT, [process.execPath, ...argv]));
    const [{ outcome, run }] = document.runs;
    assert.equal(outcome.status, "succeeded", `${folder}: ${JSON.stringify(outcome)}`);
    return run.outputSha256;
  }
});
