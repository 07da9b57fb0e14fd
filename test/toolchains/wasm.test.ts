/** Normalizers in Rust, Go and Ruby, compiled by `whiskers build --wasm`: the same code as for the other runtimes, the same objects. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { appendFileSync, cpSync, mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, test } from "node:test";

import { buildFolder, missingToolchain } from "../../sdk/test/toolchain.ts";
import { compilePackage } from "../../src/packages/build/wasm/compile-package.ts";
import { compileStale } from "../../src/packages/build/wasm/compile-stale.ts";
import { openRunner } from "../fixtures/run-package.ts";
import { missingRustTarget } from "../fixtures/rust-target.ts";

const ROOT = path.resolve(import.meta.dirname, "../..");

describe("normalizers as WebAssembly", { concurrency: 1, timeout: 600_000 }, () => {
  test("Rust", { skip: missingRustTarget() }, async () => {
    using built = buildFolder();
    await givesTheSame(built.path, templateIn(built.path, "rust"));
  });

  test("Go", { skip: missingToolchain("go") }, async () => {
    using built = buildFolder();
    await givesTheSame(built.path, templateIn(built.path, "go"));
  });

  test("Ruby", async (t) => {
    using built = buildFolder();
    const source = path.join(built.path, "source");
    mkdirSync(source);
    writeFileSync(path.join(source, "normalize.rb"), RUBY);
    const manifest = {
      id: "hostnames",
      name: "Hostnames",
      environment: "wasm",
      entrypoint: "normalize.wasm",
    };
    writeFileSync(path.join(source, "normalizer.json"), JSON.stringify(manifest));
    const npm = ["npm", "install", "--no-save", "--no-audit", "--no-fund", "@ruby/3.4-wasm-wasi@2.10.1"];
    const installed = spawnSync(npm[0] ?? "", npm.slice(1), {
      cwd: source,
      encoding: "utf8",
      timeout: 120_000,
    });
    if (installed.status !== 0) {
      t.skip(`npm cannot fetch Ruby for WebAssembly here: ${installed.stderr}`);
      return;
    }
    await givesTheSame(built.path, source);
    const options = {
      home: path.join(built.path, "home"),
      env: process.env,
      signal: new AbortController().signal,
      progress: () => {},
      mayRunItsCode: false,
    };
    assert.equal(await compileStale(source, options), null);
    appendFileSync(path.join(source, "normalize.rb"), "\n# more\n");
    assert.equal(await compileStale(source, options), path.join(source, "normalize.wasm"));
    assert.equal(await compileStale(source, options), null);
  });
});

const RUBY = `
def run(meta, raw)
  $stdout.puts "printed"
  STDOUT.puts "printed"
  yield({ object_type: "Network", name: "internet" })
  names = raw.split("\\n").uniq
  Whiskers.log("#{names.length} different lines")
  names.map { |name| { object_type: "Hostname", network: "Network|internet", name: name } }
end
`;

/** As `whiskers new` lays it out: the SDK's source beside the normalizer's. */
function templateIn(built: string, language: "rust" | "go"): string {
  const folder = path.join(built, "source");
  cpSync(path.join(ROOT, "templates", language), folder, { recursive: true });
  cpSync(path.join(ROOT, "sdk", language), path.join(folder, "whiskers"), { recursive: true });
  return folder;
}

/** One object for each hostname in the raw file, by the runtime that `auto` takes and by name. */
async function givesTheSame(built: string, source: string): Promise<void> {
  const home = path.join(built, "home");
  await using compiled = await compilePackage(source, true, {
    home,
    env: process.env,
    signal: new AbortController().signal,
    progress: () => {},
  });
  await using runner = openRunner(home);
  for (const runtime of ["auto", "wasm"]) {
    const { outcome, record, records, logs } = await runner.run(compiled.folder, { runtime });
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
