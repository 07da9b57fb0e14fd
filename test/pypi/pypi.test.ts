/** Dependencies from PyPI, or the index that pip of this machine is told of. Says why when it does not run. */
import assert from "node:assert/strict";
import { mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, suite, test } from "node:test";
import type { TestContext } from "node:test";

import { WhiskersError } from "../../src/errors.ts";
import { pythonPackage, writeFiles } from "../fixtures/dependent-packages.ts";
import { openRunner } from "../fixtures/run-package.ts";

const VERSION = `from importlib.metadata import version
import NAME
def run(meta, raw):
    yield {"object_type": "Network", "name": version("NAME")}
`;

suite("pip and PyPI", { timeout: 240_000 }, () => {
  let root = "";
  before(() => {
    root = realpathSync(mkdtempSync(path.join(tmpdir(), "whiskers-pypi-")));
  });
  after(() => {
    rmSync(root, { recursive: true, force: true });
  });

  const names = async (
    t: TestContext,
    name: string,
    requirements: string,
  ): Promise<readonly string[] | null> => {
    const folder = pythonPackage(path.join(root, name), "1.0");
    writeFiles(folder, {
      "requirements.txt": requirements,
      "normalize.py": VERSION.replaceAll("NAME", name.split("-", 1)[0] ?? name),
    });
    await using runner = openRunner(path.join(root, "home"));
    try {
      return await runner.names(folder);
    } catch (error) {
      const unreachable = /Connection|timed out|Temporary failure|Max retries|from versions: none/u;
      if (!(error instanceof WhiskersError) || !unreachable.test(error.message)) throw error;
      t.skip(`the index does not answer: ${error.message.split("\n").at(-1) ?? ""}`);
      return null;
    }
  };

  test("a pinned wheel, held to its hash", async (t) => {
    const hash = "946d195a0d259cbba61165e88e65941f16e9b36ea6ddb97f00452bae8b1287d3";
    const found = await names(t, "idna", `idna==3.10 --hash=sha256:${hash}\n`);
    if (found !== null) assert.deepEqual(found, ["3.10"]);
  });

  test("a wrong hash is refused", async (t) => {
    const found = names(t, "idna-wrong", `idna==3.10 --hash=sha256:${"0".repeat(64)}\n`);
    await assert.rejects(found, /do not match the hashes|MISMATCH/iu).catch(async (error: unknown) => {
      // Skipped, because nobody answered.
      if ((await found.catch(() => "failed")) !== null) throw error;
    });
  });

  test("a wheel with compiled code, and what it depends on", async (t) => {
    const found = await names(t, "cffi", "cffi==1.17.1\npycparser==2.22\n");
    if (found !== null) assert.deepEqual(found, ["1.17.1"]);
  });
});
