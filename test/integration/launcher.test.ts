import assert from "node:assert/strict";
import { execFile, execFileSync, spawnSync, type SpawnSyncReturns } from "node:child_process";
import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, suite, test } from "node:test";
import { promisify } from "node:util";

const ROOT = path.resolve(import.meta.dirname, "../..");

/**
 * A checkout without node_modules, and an `npm` that links this checkout's packages into it: what npm itself
 * does is npm's affair, and takes half a minute.
 */
let folder = "";
let checkout = "";

const INSTALLS = `
mkdir node_modules
for entry in "${ROOT}"/node_modules/* "${ROOT}"/node_modules/.bin; do ln -s "$entry" node_modules/; done
`;

function fakeNpm(script: string): void {
  const npm = path.join(folder, "bin/npm");
  writeFileSync(npm, `#!/bin/sh\necho "$*" >> "${folder}/calls"\necho "npm says this"\n${script}`, {
    mode: 0o755,
  });
}

const env = (): Record<string, string> => ({
  PATH: `${path.join(folder, "bin")}:${process.env["PATH"] ?? ""}`,
  TMPDIR: path.join(folder, "tmp"),
});
const calls = (): readonly string[] =>
  existsSync(path.join(folder, "calls"))
    ? readFileSync(path.join(folder, "calls"), "utf8").trim().split("\n")
    : [];
const start = (): SpawnSyncReturns<string> =>
  spawnSync(path.join(checkout, "whiskers"), ["--version"], { encoding: "utf8", env: env(), input: "" });

suite("launcher", () => {
  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), "whiskers-launcher-"));
    checkout = path.join(folder, "checkout");
    for (const name of ["bin", "tmp", "checkout"]) mkdirSync(path.join(folder, name));
    for (const name of ["whiskers", "package.json", "package-lock.json", "scripts"]) {
      cpSync(path.join(ROOT, name), path.join(checkout, name), { recursive: true });
    }
    symlinkSync(path.join(ROOT, "src"), path.join(checkout, "src"));
  });
  afterEach(() => {
    assert.deepEqual(readdirSync(path.join(folder, "tmp")), [], "a log was left behind");
    rmSync(folder, { recursive: true, force: true });
  });

  test("installs once on a fresh checkout, and says so", () => {
    fakeNpm(INSTALLS);
    const first = start();
    assert.equal(first.status, 0, first.stderr);
    assert.match(first.stdout, /^whiskers \d/u);
    assert.match(first.stderr, /^whiskers: installing dependencies, once, .*\n$/u);
    const second = start();
    assert.equal(second.stderr, "");
    assert.equal(calls().length, 1);
  });

  test("two at once install once", async () => {
    fakeNpm(`sleep 0.5\n${INSTALLS}`);
    const both = await Promise.all(
      [1, 2].map(() => promisify(execFile)(path.join(checkout, "whiskers"), ["--version"], { env: env() })),
    );
    for (const { stdout } of both) assert.match(stdout, /^whiskers \d/u);
    assert.equal(calls().length, 1);
  });

  test("shows what npm said when it fails, exits with 3, and tries again the next time", () => {
    fakeNpm("echo broken >&2; exit 1");
    const failed = start();
    assert.equal(failed.status, 3);
    assert.match(failed.stderr, /npm says this\nbroken\nerror: npm could not install/u);
    fakeNpm(INSTALLS);
    assert.equal(start().status, 0);
  });

  test("fetches Node.js itself when npm may not run install scripts", () => {
    fakeNpm(`${INSTALLS}
rm node_modules/node && mkdir node_modules/node
cp "${ROOT}"/node_modules/node/package.json node_modules/node/
cat > node_modules/node/installArchSpecificPackage.js <<'JS'
require("fs").mkdirSync("bin"); require("fs").symlinkSync("${ROOT}/node_modules/node/bin/node", "bin/node");
JS
`);
    const ran = start();
    assert.equal(ran.status, 0, ran.stderr);
  });

  test("a changed lock file installs anew, but not when what is there fits it", () => {
    fakeNpm(INSTALLS);
    start();
    appendFileSync(path.join(checkout, "package-lock.json"), "\n");
    assert.equal(start().stderr, "");
    const lock = path.join(checkout, "package-lock.json");
    writeFileSync(
      lock,
      readFileSync(lock, "utf8").replace(/("node_modules\/ajv": \{\s*"version": )"[^"]+"/u, '$1"0.0.1"'),
    );
    fakeNpm("exit 0");
    assert.match(start().stderr, /installing/u);
  });

  test("works through a link, from another folder, and without npm once installed", () => {
    fakeNpm(INSTALLS);
    start();
    rmSync(path.join(folder, "bin/npm"));
    symlinkSync("../checkout/whiskers", path.join(folder, "bin/whiskers"));
    symlinkSync("bin/whiskers", path.join(folder, "again"));
    assert.match(
      execFileSync(path.join(folder, "again"), ["--version"], { cwd: "/", encoding: "utf8" }),
      /^whiskers \d/u,
    );
  });

  test("says what is missing when there is no Node.js", () => {
    for (const name of ["sh", "dirname", "readlink", "cmp", "cat"]) {
      symlinkSync(execFileSync("which", [name], { encoding: "utf8" }).trim(), path.join(folder, "bin", name));
    }
    const ran = spawnSync(path.join(checkout, "whiskers"), ["--version"], {
      encoding: "utf8",
      env: { PATH: path.join(folder, "bin"), TMPDIR: path.join(folder, "tmp") },
    });
    assert.equal(ran.status, 3);
    assert.match(ran.stderr, /needs Node\.js 18 or later with npm/u);
  });
});
