/** `whiskers test`, by its command line: on the examples, and on normalizers that break what it checks. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, describe, test } from "node:test";

interface Result {
  readonly kind: string;
  readonly name: string;
  readonly failure: string | null;
  readonly differences: readonly { readonly kind: string; readonly what: string }[];
}

const ROOT = path.resolve(import.meta.dirname, "../..");
const scratch = mkdtempSync(path.join(tmpdir(), "whiskers-test-command-"));
after(() => {
  rmSync(scratch, { recursive: true, force: true });
});

let count = 0;

/** A normalizer's folder with one case, whose raw file is two lines. */
function normalizer(code: string, more: object = {}): string {
  const folder = path.join(scratch, `normalizer-${(count += 1)}`);
  mkdirSync(path.join(folder, "tests/one"), { recursive: true });
  const manifest = { id: "tested", name: "Tested", environment: "python", entrypoint: "normalize", ...more };
  writeFileSync(path.join(folder, "normalizer.json"), JSON.stringify(manifest));
  writeFileSync(path.join(folder, "normalize.py"), code);
  writeFileSync(path.join(folder, "tests/one/raw"), "internet\nother\n");
  return folder;
}

function whiskers(...args: readonly string[]): Promise<{ readonly exitCode: number; readonly out: string }> {
  return new Promise((resolve) => {
    const argv = ["src/cli/main.ts", "test", ...args];
    const env = { ...process.env, NO_COLOR: "1" };
    execFile(process.execPath, argv, { cwd: ROOT, timeout: 180_000, env }, (error, stdout, stderr) => {
      resolve({ exitCode: Number(error?.code ?? 0), out: stdout + stderr });
    });
  });
}

async function resultsOf(folder: string, ...args: readonly string[]): Promise<readonly Result[]> {
  const { out } = await whiskers(folder, "--json", ...args);
  return JSON.parse(out).normalizers[0].results;
}

const GOOD = `
def run(meta, raw):
    for name in raw.decode("utf-8", "replace").split():
        yield {"object_type": "Network", "name": name}
`;

describe("whiskers test", { concurrency: 2 }, () => {
  test("the cases of the examples", { timeout: 180_000 }, async () => {
    const { exitCode, out } = await whiskers("examples/normalizers", "--cases");
    assert.equal(exitCode, 0, out);
    assert.match(out, /example-dig-python[^]*example-dig-typescript[^]*ok {2}dig/u);
  });

  test("a case without an expectation, then --update, then a difference by object", async () => {
    const folder = normalizer(GOOD);
    const expected = path.join(folder, "tests/one/expected.json");
    const first = await whiskers(folder, "--cases");
    assert.equal(first.exitCode, 1);
    assert.match(first.out, /--update writes what came out/u);
    assert.equal((await whiskers(folder, "--cases", "--update")).exitCode, 0);
    assert.match(readFileSync(expected, "utf8"), /"primary_key":"Network\|other"/u);
    assert.equal((await whiskers(folder, "--cases")).exitCode, 0);

    writeFileSync(
      expected,
      readFileSync(expected, "utf8").replaceAll("other", "gone").replace('"name":"internet"', '"name":"x"'),
    );
    const file = path.join(scratch, "junit.xml");
    const { exitCode, out } = await whiskers(folder, "--cases", "--junit", file);
    assert.equal(exitCode, 1);
    assert.match(
      out,
      /~ Network\|internet\n +name: "x" → "internet"\n +- Network\|gone\n +\+ Network\|other/u,
    );
    assert.match(readFileSync(file, "utf8"), /<testsuites tests="1" failures="1"[^]*- Network\|gone/u);
  });

  test("a failure can be what is expected", async () => {
    const folder = normalizer('def run(meta, raw):\n    raise ValueError("not mine")\n');
    assert.equal((await whiskers(folder, "--update")).exitCode, 0);
    assert.match(readFileSync(path.join(folder, "tests/one/expected.json"), "utf8"), /"not mine|: not mine/u);
    assert.equal((await whiskers(folder)).exitCode, 0);
  });

  const broken: Readonly<Record<string, readonly [code: string, failing: RegExp, why: RegExp]>> = {
    "what hangs": [
      "def run(meta, raw):\n    while not raw:\n        pass\n    return []\n",
      /^raw file: empty$/u,
      /time-limit/u,
    ],
    "what gives something invalid": [
      'def run(meta, raw):\n    if not raw.endswith(b"\\n"):\n        yield {"object_type": "Network"}\n',
      /^raw file: truncated before its last byte$/u,
      /invalid-output/u,
    ],
    "what ends its process": [
      'import os\ndef run(meta, raw):\n    if b"internet" not in raw[:9]:\n        os.kill(os.getpid(), 11)\n    return []\n',
      /^raw file: random bytes$/u,
      /normalizer-crashed/u,
    ],
    "what differs from run to run": [
      'import os\ndef run(meta, raw):\n    yield {"object_type": "Network", "name": os.urandom(4).hex()}\n',
      /^the same input gives the same output$/u,
      /differ/u,
    ],
  };
  for (const [name, [code, failing, why]] of Object.entries(broken)) {
    test(`${name} is found`, async () => {
      const folder = normalizer(code, { limits: { time: "2s" } });
      const results = await resultsOf(folder);
      const found = results.find((result) => failing.test(result.name));
      assert.match(found?.failure ?? "passed", why);
    });
  }

  test("what keeps something from run to run is found", async () => {
    const code =
      'seen = 0\ndef run(meta, raw):\n    global seen\n    seen += 1\n    yield {"object_type": "Network", "name": "n%d" % seen}\n';
    const folder = normalizer(code);
    const left = (results: readonly Result[]): string | null | undefined =>
      results.find(({ name }) => name === "nothing is left from run to run")?.failure;
    assert.equal(left(await resultsOf(folder, "--state", "fork")), null);
    assert.match(
      left(await resultsOf(folder, "--state", "reuse")) ?? "passed",
      /a run after others differs/u,
    );
  });

  test("every property is kept by what keeps them", async () => {
    const folder = normalizer(GOOD.replace("split()", "split()[:50]"), { onInvalid: "skip" });
    await whiskers(folder, "--cases", "--update");
    const { exitCode, out } = await whiskers(folder);
    assert.equal(exitCode, 0, out);
    assert.match(out, /11 passed/u);
  });

  test("a folder without normalizers, and an expectation that is none, are usage errors", async () => {
    const empty = await whiskers(scratch.replace(/[^/]+$/u, ""), "--cases");
    assert.equal(empty.exitCode, 2);
    const folder = normalizer(GOOD);
    writeFileSync(path.join(folder, "tests/one/expected.json"), '{"object": []}');
    const { exitCode, out } = await whiskers(folder);
    assert.equal(exitCode, 2);
    assert.match(out, /expected\.json: it has a key "object"/u);
  });
});
