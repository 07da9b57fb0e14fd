/** Normalizers in Python, made components by `whiskers build --wasm`. Needs componentize-py, which it installs from PyPI. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, describe, test } from "node:test";

import { compilePackage, type CompiledFolder } from "../../src/packages/build/wasm/compile-package.ts";
import { openRunner } from "../fixtures/run-package.ts";

const ROOT = path.resolve(import.meta.dirname, "../..");
const EXAMPLES = [
  ["certificates-python", "tls-shop"],
  ["dig-python", "dig"],
  ["html-python", "curl-body"],
  ["http-headers-python", "curl-headers"],
  ["nmap-python", "nmap-tcp"],
  ["ssh-banner-python", "ssh-banner-debian"],
] as const;

const folder = mkdtempSync(path.join(tmpdir(), "whiskers-python-"));
const home = path.join(folder, "home");
const runner = openRunner(home);
const installed = install("componentize-py==0.25.1", "attrs==26.1.0", "pydantic==2.14.4");

describe("Python as a component", { concurrency: 2, timeout: 900_000 }, () => {
  after(async () => {
    await runner[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  });

  for (const [normalizer, raw] of EXAMPLES) {
    test(`${normalizer} gives the same output as by CPython of its own`, { skip: installed }, async () => {
      const source = path.join(ROOT, "examples/normalizers", normalizer);
      const options = { raw: path.join(ROOT, "examples/raws", raw) };
      await using compiled = await compile(source);
      const component = await runner.run(compiled.folder, options);
      assert.deepEqual(component.outcome, { status: "succeeded" }, JSON.stringify(component.logs));
      assert.equal(component.record.runtime.driver, "wasm");
      const byPython = await runner.run(source, options);
      assert.equal(component.record.outputSha256, byPython.record.outputSha256);
      assert.deepEqual(component.logs, byPython.logs);
    });
  }

  test("pure Python packages, promises and chance are there", { skip: installed }, async () => {
    await using compiled = await compile(packageOf("uses-much", USES_MUCH));
    const said = [];
    for (let turn = 0; turn < 2; turn += 1) {
      const { outcome, records, logs } = await runner.run(compiled.folder);
      assert.deepEqual(outcome, { status: "succeeded" }, JSON.stringify(logs));
      assert.deepEqual(
        records.objects.map((object) => object["name"]),
        ["internet"],
      );
      said.push(logs.map(({ message }) => message).join("\n"));
    }
    assert.match(said[0] ?? "", /printed 0\.\d+/u);
    assert.notEqual(said[0], said[1], "a run draws anew, not what was drawn when it was built");
  });

  test("what a normalizer raises is told", { skip: installed }, async () => {
    await using compiled = await compile(
      packageOf("raises", 'def run(meta, raw):\n    raise KeyError("not there")\n    yield\n'),
    );
    const { outcome } = await runner.run(compiled.folder);
    assert.equal(outcome.status === "failed" && outcome.code, "normalizer-raised");
    assert.match(JSON.stringify(outcome), /"type":"KeyError"/u);
  });

  test(
    "a native module is no part of a component, and the build says which",
    { skip: installed },
    async () => {
      await assert.rejects(
        compile(packageOf("native", "import pydantic\ndef run(meta, raw):\n    return []\n")),
        {
          code: "build-failed",
          message: /pydantic_core/u,
        },
      );
    },
  );

  test("without the tool it is said what to install", async () => {
    const env = { PATH: "/nowhere" };
    await assert.rejects(compile(path.join(ROOT, "examples/normalizers/dig-python"), env), {
      code: "environment-missing",
      message: /pip install componentize-py/u,
    });
  });
});

const USES_MUCH = `
import random
import attrs

@attrs.define
class Line:
    text: str

async def run(meta, raw):
    print("printed", random.random())
    for line in raw.decode().splitlines():
        yield {"object_type": "Network", "name": Line(line).text}
`;

/** Into an environment of Python's of its own; why it could not be, or false. */
function install(...requirements: readonly string[]): string | false {
  const environment = path.join(folder, "environment");
  try {
    execFileSync("python3", ["-m", "venv", environment], { stdio: "pipe" });
    execFileSync(path.join(environment, "bin/pip"), ["install", "--quiet", ...requirements], {
      stdio: "pipe",
    });
    return false;
  } catch (error) {
    return `componentize-py could not be installed: ${String(error).slice(0, 200)}`;
  }
}

function compile(source: string, env?: Readonly<Record<string, string>>): Promise<CompiledFolder> {
  const signal = new AbortController().signal;
  const environment = path.join(folder, "environment");
  const active = {
    ...process.env,
    PATH: `${environment}/bin:${process.env["PATH"]}`,
    VIRTUAL_ENV: environment,
  };
  return compilePackage(source, true, { home, env: env ?? active, signal, progress: () => {} });
}

function packageOf(id: string, text: string): string {
  const made = path.join(folder, id);
  mkdirSync(made);
  const manifest = {
    id,
    name: id,
    consumes: ["text/plain"],
    environment: "python",
    entrypoint: "normalize:run",
  };
  writeFileSync(path.join(made, "normalizer.json"), JSON.stringify(manifest));
  writeFileSync(path.join(made, "normalize.py"), text);
  return made;
}
