/** Lock files of pip, npm and composer, and normalizers that find what they name. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, suite, test } from "node:test";

import { openPackages } from "../../src/cli/open-packages.ts";
import { openTools } from "../../src/cli/open-tools.ts";
import { readSettings } from "../../src/config/settings.ts";
import type { Package } from "../../src/domain/package.ts";
import { clientConfiguration } from "../../src/packages/dependencies/client-configuration.ts";
import { type Installed, installDependencies } from "../../src/packages/dependencies/install-dependencies.ts";
import type { Tools } from "../../src/packages/dependencies/tools.ts";
import { openPackage } from "../../src/packages/open-package.ts";
import { javascriptPackage, phpPackage, pythonPackage, writeFiles } from "../fixtures/dependent-packages.ts";
import { openRunner, type Runner } from "../fixtures/run-package.ts";

const SDK = path.resolve(import.meta.dirname, "../../sdk");

suite("dependencies", { timeout: 240_000 }, () => {
  let root = "";
  let runner: Runner;
  before(() => {
    root = realpathSync(mkdtempSync(path.join(tmpdir(), "whiskers-dependencies-")));
    runner = openRunner(path.join(root, "home"));
  });
  after(async () => {
    await runner[Symbol.asyncDispose]();
    rmSync(root, { recursive: true, force: true });
  });
  const place = (name: string): string => path.join(root, name);

  test("two versions of one library, side by side, in every runtime of this machine", async () => {
    const one = pythonPackage(place("python-one"), "1.0");
    const two = pythonPackage(place("python-two"), "2.0");
    const three = javascriptPackage(place("javascript-three"), "2.0.0");
    const four = javascriptPackage(place("javascript-four"), "2.1.3");
    for (const runtime of ["subprocess", "inline"]) {
      const found = await Promise.all([one, two, three, four].map((pkg) => runner.names(pkg, { runtime })));
      assert.deepEqual(found, [["1.0"], ["2.0"], ["1m 2.0.0"], ["1m 2.1.3"]], runtime);
    }
  });

  test("what is installed or pulled before the first run is told, once", async () => {
    const shown: string[] = [];
    await using packages = openPackages(
      readSettings({ WHISKERS_HOME: place("home-shown") }),
      "run",
      (what) => {
        shown.push(what);
      },
    );
    const source = pythonPackage(place("shown"), "1.0");
    await packages.catalogue.open(source);
    await packages.catalogue.open(source);
    assert.deepEqual(shown, ["installing what shown depends on: requirements.txt"]);
  });

  test("composer's lock file, and a library beside it", async () => {
    assert.deepEqual(await runner.names(phpPackage(place("php-five"), "3.1.0")), ["3.1.0"]);
  });

  test("the record's digest covers what was installed", async () => {
    const [one, two] = [pythonPackage(place("same"), "1.0"), pythonPackage(place("other"), "1.0", "same")];
    const [{ record }, other] = [await runner.run(one), await runner.run(two)];
    assert.equal(record.packageDigest, other.record.packageDigest);
    const bare = await openPackage(one, { home: place("home") });
    assert.notEqual(record.packageDigest, bare.digest);
  });

  test("what is installed is made once for a lock file, and again when something of it changes", async () => {
    const source = pythonPackage(place("cached"), "1.0");
    const counted = countRuns(toolsIn(place("home-cached")));
    const first = await install(source, place("home-cached"), counted.tools);
    assert.deepEqual([first.reused, counted.runs()], [false, 1]);
    writeFileSync(path.join(source, "normalize.py"), "def run(meta, raw):\n    return []\n");
    const second = await install(source, place("home-cached"), counted.tools);
    assert.deepEqual([second.reused, second.digest, counted.runs()], [true, first.digest, 1]);
    writeFileSync(path.join(source, "requirements.txt"), "--no-index\n--find-links wheels\ncolour\n");
    const third = await install(source, place("home-cached"), counted.tools);
    assert.deepEqual([third.reused, third.digest, counted.runs()], [false, first.digest, 2]);
    assert.match(third.warnings.join(), /not pinned .*colour==1\.0/u);
    assert.deepEqual(second.warnings, []);
  });

  test("what was installed has one digest on another day, by another umask, in another home", async () => {
    const source = javascriptPackage(place("elsewhere"), "2.1.3");
    const ownUmask = process.umask(0o077);
    try {
      const one = await install(source, place("home-077"), toolsIn(place("home-077")));
      process.umask(0o002);
      const two = await install(source, place("home-002"), toolsIn(place("home-002")));
      assert.equal(one.digest, two.digest);
      assert.notEqual(one.folder, two.folder);
    } finally {
      process.umask(ownUmask);
    }
  });

  test("no code of what is installed is run: neither an install script nor a setup.py", async () => {
    const source = javascriptPackage(place("scripts"), "2.1.3");
    writeFiles(source, {
      "evil/package/package.json": JSON.stringify({
        name: "evil",
        version: "1.0.0",
        scripts: { postinstall: "echo ran > ran", preinstall: "echo ran > ran" },
      }),
    });
    execFileSync("tar", ["-czf", "evil.tgz", "-C", "evil", "package"], { cwd: source });
    const dependencies = { evil: "file:evil.tgz" };
    writeFiles(source, {
      "normalizer.json": JSON.stringify({
        id: "scripts",
        name: "scripts",
        environment: "node",
        entrypoint: "normalize.ts",
        dependencies: ["package-lock.json", "evil.tgz"],
      }),
      "package.json": JSON.stringify({ name: "scripts", version: "1.0.0", dependencies }),
      "package-lock.json": JSON.stringify({
        name: "scripts",
        version: "1.0.0",
        lockfileVersion: 3,
        packages: {
          "": { name: "scripts", version: "1.0.0", dependencies },
          "node_modules/evil": { version: "1.0.0", resolved: "file:evil.tgz" },
        },
      }),
    });
    const { folder } = await install(source, place("home"), toolsIn(place("home")));
    assert.deepEqual(readdirSync(path.join(folder, "node_modules/evil")), ["package.json"]);

    const python = pythonPackage(place("setup-py"), "1.0");
    rmSync(path.join(python, "wheels"), { recursive: true });
    writeFiles(python, { "colour/colour-1.0/setup.py": "open('/whiskers/work/ran', 'w')\n" });
    execFileSync("mkdir", ["wheels"], { cwd: python });
    execFileSync("tar", ["-czf", "wheels/colour-1.0.tar.gz", "-C", "colour", "colour-1.0"], { cwd: python });
    await assert.rejects(install(python, place("home"), toolsIn(place("home"))), {
      code: "dependencies-failed",
      message: /pip could not install requirements\.txt .*No matching distribution found for colour==1\.0/su,
    });
  });

  test("a lock file that is not there is named", async () => {
    const source = pythonPackage(place("missing"), "1.0");
    rmSync(path.join(source, "wheels"), { recursive: true });
    await assert.rejects(runner.run(source), {
      code: "manifest-invalid",
      message: /missing: dependencies: the package has no wheels/u,
    });
  });

  test("a tool that leaves links instead of folders gets nothing of this machine into a package", async () => {
    const source = javascriptPackage(place("links"), "2.1.3");
    const tools = toolsIn(place("home"));
    for (const script of [
      "ln -s /etc node_modules",
      "rmdir out && ln -s /etc out",
      "mkdir node_modules && ln -s /etc/passwd node_modules/x",
    ]) {
      const hostile: Tools = {
        ...tools,
        npm: async () => ({ ...(await tools.npm()), argv: ["sh", "-c", script], identity: script }),
      };
      await assert.rejects(install(source, place("home"), hostile), /link/u, script);
    }
  });
});

function toolsIn(home: string): Tools {
  return openTools(readSettings({ WHISKERS_HOME: home }), SDK);
}

function countRuns(tools: Tools): { readonly tools: Tools; readonly runs: () => number } {
  let runs = 0;
  const run: Tools["run"] = (...args) => {
    runs += 1;
    return tools.run(...args);
  };
  return { tools: { ...tools, run }, runs: () => runs };
}

async function install(source: string, home: string, tools: Tools): Promise<Installed> {
  const pkg: Package = await openPackage(source, { home });
  const requirements = pkg.manifest.dependencies;
  assert.ok(requirements !== null);
  const client = clientConfiguration(process.env);
  const { signal } = new AbortController();
  return installDependencies({ ...pkg, requirements }, { home, tools, client }, signal);
}
