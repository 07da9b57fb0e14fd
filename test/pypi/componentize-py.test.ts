/** Normalizers in Python, made components by `whiskers build --wasm`. Needs componentize-py, which it installs from PyPI. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import path from "node:path";
import { after, describe, test } from "node:test";

import type { CompiledFolder } from "../../src/packages/build/wasm/compile-package.ts";
import { ComponentBuilds } from "../fixtures/component-builds.ts";

const ROOT = path.resolve(import.meta.dirname, "../..");
const EXAMPLES = [
  ["certificates-python", "tls-shop"],
  ["dig-python", "dig"],
  ["html-python", "curl-body"],
  ["http-headers-python", "curl-headers"],
  ["nmap-python", "nmap-tcp"],
  ["ssh-banner-python", "ssh-banner-debian"],
] as const;

const builds = new ComponentBuilds("python");
const { runner } = builds;
const ENVIRONMENT = path.join(builds.folder, "environment");
const ACTIVE = {
  ...process.env,
  PATH: `${ENVIRONMENT}/bin:${process.env["PATH"]}`,
  VIRTUAL_ENV: ENVIRONMENT,
};
const installed = install("componentize-py==0.25.1", "attrs==26.1.0", "pydantic==2.14.4");

describe("Python as a component", { concurrency: 2, timeout: 900_000 }, () => {
  after(async () => {
    await builds[Symbol.asyncDispose]();
  });

  for (const [normalizer, raw] of EXAMPLES) {
    test(`${normalizer} gives the same output as by CPython of its own`, { skip: installed }, async () => {
      await builds.isTheSame(normalizer, raw, ACTIVE);
    });
  }

  test("pure Python packages, promises and chance are there", { skip: installed }, async () => {
    await using compiled = await compile(builds.packageOf("uses-much", USES_MUCH));
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
      builds.packageOf("raises", 'def run(meta, raw):\n    raise KeyError("not there")\n    yield\n'),
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
        compile(builds.packageOf("native", "import pydantic\ndef run(meta, raw):\n    return []\n")),
        {
          code: "build-failed",
          message: /pydantic_core/u,
        },
      );
    },
  );

  test("without the tool it is said what to install", async () => {
    const env = { PATH: "/nowhere" };
    await assert.rejects(builds.compile(path.join(ROOT, "examples/normalizers/dig-python"), env), {
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

function compile(source: string): Promise<CompiledFolder> {
  return builds.compile(source, ACTIVE);
}

/** Into an environment of Python's of its own; why it could not be, or false. */
function install(...requirements: readonly string[]): string | false {
  try {
    execFileSync("python3", ["-m", "venv", ENVIRONMENT], { stdio: "pipe" });
    execFileSync(path.join(ENVIRONMENT, "bin/pip"), ["install", "--quiet", ...requirements], {
      stdio: "pipe",
    });
    return false;
  } catch (error) {
    return `componentize-py could not be installed: ${String(error).slice(0, 200)}`;
  }
}
