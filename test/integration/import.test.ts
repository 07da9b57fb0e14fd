/** `whiskers import`: what of a tree of OpenKAT plugins runs, what is missing, and copies that have it. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, describe, test } from "node:test";

const ROOT = path.join(import.meta.dirname, "../..");
const PLUGINS = path.join(ROOT, "test/fixtures/openkat-plugins");
const HEAD = "from octopoes.models.ooi.network import Network\n";
const RUN = "def run(input_ooi, raw):\n    yield Network(name='a')\n";

interface Found {
  readonly id: string | null;
  readonly runs: boolean;
  readonly needs: readonly {
    readonly name: string;
    readonly kind: string;
    readonly line: number;
    readonly there: boolean;
  }[];
  readonly copies: readonly string[];
  readonly problems: readonly { readonly line: number; readonly what: string }[];
}

/** Plugins of a tree: source of normalize.py, and what is to be said of it. */
const TREE: Readonly<Record<string, string>> = {
  kat_fine: HEAD + RUN,
  kat_library: `import json\nimport bs4_of_nobody.parts\n${HEAD}${RUN}`,
  kat_name: `from octopoes.models.ooi.network import Nothing\n${RUN}`,
  kat_module: `from octopoes.nothing import x\n${RUN}`,
  kat_other: `from boefjes.plugins.kat_nobody.helper import x\n${RUN}`,
  kat_copied: `from boefjes.plugins.kat_shared.tools import name\n${HEAD}def run(a, b):\n    yield Network(name=name())\n`,
  kat_optional: `from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import nobody_1\ntry:\n    import nobody_2\nexcept ImportError:\n    pass\n${HEAD}${RUN}`,
  kat_late: `${HEAD}def run(a, b):\n    import nobody_3\n    yield Network(name='a')\n`,
  kat_syntax: `${HEAD}def run(a, b)\n`,
  kat_three: `${HEAD}def run(a, b, c):\n    return []\n`,
  kat_none: HEAD,
  kat_deep: `x = ${"(".repeat(5000)}1${")".repeat(5000)}\n${HEAD}${RUN}`,
  kat_runs_code: `${HEAD}raise SystemExit("it was run")\n${RUN}`,
};

let home = "";
let tree = "";
before(() => {
  home = mkdtempSync(path.join(tmpdir(), "whiskers-import-"));
  tree = path.join(home, "plugins");
  for (const [name, source] of Object.entries(TREE)) {
    mkdirSync(path.join(tree, name), { recursive: true });
    writeFileSync(path.join(tree, name, "normalize.py"), source);
    writeFileSync(path.join(tree, name, "normalizer.json"), JSON.stringify({ id: name, name }));
  }
  mkdirSync(path.join(tree, "kat_shared"));
  writeFileSync(path.join(tree, "kat_shared/__init__.py"), "import json\n");
  writeFileSync(
    path.join(tree, "kat_shared/tools.py"),
    "from .more import NAME\ndef name():\n    return NAME\n",
  );
  writeFileSync(path.join(tree, "kat_shared/more.py"), "NAME = 'shared'\n");
  mkdirSync(path.join(tree, "kat_manifest"));
  writeFileSync(path.join(tree, "kat_manifest/normalizer.json"), '{"id": 5}');
});
after(() => {
  rmSync(home, { recursive: true });
});

describe("whiskers import", { timeout: 120_000 }, () => {
  test("every plugin of the fixtures runs as it is", () => {
    const { status, stdout } = whiskers("import", PLUGINS);
    assert.equal(status, 0, stdout);
    assert.match(stdout, /16 of 16 run here as they are/u);
    assert.doesNotMatch(stdout, /kat_only_a_boefje/u);
  });

  test("what is missing is named with its file and line; nothing is run", () => {
    const { status, stdout } = whiskers("import", tree, "--json");
    assert.equal(status, 1);
    const { plugins } = JSON.parse(stdout) as { readonly plugins: readonly Found[] };
    const of = (id: string | null): Found => {
      const found = plugins.find((plugin) => plugin.id === id);
      assert.ok(found !== undefined, `${id} is listed`);
      return found;
    };
    for (const id of ["kat_fine", "kat_optional", "kat_runs_code"])
      assert.ok(of(id).runs, JSON.stringify(of(id)));
    const missing = (id: string): readonly unknown[] =>
      of(id)
        .needs.filter(({ there }) => !there)
        .map(({ kind, name, line }) => [kind, name, line]);
    assert.deepEqual(missing("kat_library"), [["library", "bs4_of_nobody", 2]]);
    assert.deepEqual(missing("kat_name"), [["name", "octopoes.models.ooi.network.Nothing", 1]]);
    assert.deepEqual(missing("kat_module"), [["module", "octopoes.nothing", 1]]);
    assert.deepEqual(missing("kat_other"), [["module", "boefjes.plugins.kat_nobody.helper", 1]]);
    assert.deepEqual(missing("kat_late"), [["library", "nobody_3", 3]]);
    assert.deepEqual(of("kat_copied").copies, [
      "kat_shared/__init__.py",
      "kat_shared/more.py",
      "kat_shared/tools.py",
    ]);
    const problem = (id: string | null): string =>
      of(id)
        .problems.map(({ what }) => what)
        .join();
    assert.match(problem("kat_syntax"), /it is no Python 3/u);
    assert.match(problem("kat_three"), /takes 3 parameters/u);
    assert.match(problem("kat_none"), /no function run/u);
    assert.match(problem("kat_deep"), /it cannot be read|it is no Python/u);
    assert.match(problem(null), /id is 5/u);
    for (const id of ["kat_library", "kat_copied", "kat_syntax", "kat_deep"]) assert.ok(!of(id).runs, id);
  });

  test("copies have what they import of other plugins, and name their libraries", () => {
    const target = path.join(home, "copies");
    const { status, stdout } = whiskers("import", tree, "--write", target);
    assert.equal(status, 1, "some cannot be whole");
    assert.match(stdout, /needs bs4_of_nobody, imported in kat_library\/normalize\.py:2/u);
    assert.match(stdout, /imports kat_shared\/tools\.py, of another plugin/u);
    const read = (id: string): Record<string, unknown> =>
      JSON.parse(readFileSync(path.join(target, id, "normalizer.json"), "utf8")) as Record<string, unknown>;
    assert.equal(read("kat_library")["dependencies"], "requirements.normalizer.txt");
    assert.equal(
      readFileSync(path.join(target, "kat_library/requirements.normalizer.txt"), "utf8"),
      "bs4_of_nobody\n",
    );
    assert.deepEqual(read("kat_copied"), {
      id: "kat_copied",
      name: "kat_copied",
      environment: "python",
      convention: "openkat",
    });
    assert.ok(!existsSync(path.join(target, "kat_syntax")));
    writeFileSync(path.join(home, "raw"), "");
    const run = whiskers("run", path.join(target, "kat_copied"), path.join(home, "raw"));
    assert.equal(run.status, 0, run.stdout);
    assert.match(run.stdout, /shared/u);
    const again = whiskers("import", tree, "--write", target);
    assert.equal(again.status, 2);
    assert.match(again.stderr, /is there already/u);
  });

  test("a folder without normalizers, and none at all, are wrong input", () => {
    mkdirSync(path.join(home, "nothing"));
    assert.equal(whiskers("import", path.join(home, "nothing")).status, 2);
    assert.equal(whiskers("import", path.join(home, "not there")).status, 2);
  });

  test("one plugin may be given by itself", () => {
    const { status, stdout } = whiskers("import", path.join(PLUGINS, "kat_page"));
    assert.equal(status, 0, stdout);
    assert.match(stdout, /test_page {2}runs/u);
  });
});

function whiskers(...args: readonly string[]): {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
} {
  const env = { ...process.env, WHISKERS_HOME: home };
  return spawnSync(path.join(ROOT, "whiskers"), args, { encoding: "utf8", env });
}
