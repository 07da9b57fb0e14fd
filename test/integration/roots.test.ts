/** Base roots: made from Debian's packages, found by the catalogue, listed and removed by the command. */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { lstatSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import type { Stats } from "node:fs";
import path from "node:path";
import { after, describe, it } from "node:test";

import { openCatalogue } from "../../src/packages/catalogue.ts";
import { digestTree } from "../../src/packages/roots/digest-tree.ts";
import { findRoot } from "../../src/packages/roots/root-store.ts";
import { baseRoot, ROOTS_HOME, shareRoot } from "../fixtures/base-root.ts";

const WHISKERS = path.resolve(import.meta.dirname, "../../whiskers");

describe("base roots", { timeout: 10 * 60_000 }, () => {
  // On the file system of the roots, for hard links.
  mkdirSync(ROOTS_HOME, { recursive: true });
  const folder = mkdtempSync(path.join(ROOTS_HOME, ".test-"));
  after(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  it("has an interpreter that works, and nothing that a sandbox has to fear", async () => {
    const root = await baseRoot("python:3.11");
    const found = [...walk(root.folder)];
    assert.ok(found.every((stats) => stats.isFile() || stats.isDirectory() || stats.isSymbolicLink()));
    assert.ok(
      found.every((stats) => stats.isSymbolicLink() || (stats.mode & 0o7022) === 0),
      "set-uid, or writable by others",
    );
    assert.deepEqual(readdirSync(path.join(root.folder, "dev")), []);
    if (process.geteuid?.() === 0) {
      const script = "import json, sqlite3, sys; print(sys.version_info[:2], json.__cached__)";
      const said = execFileSync("chroot", [root.folder, "/usr/bin/python3", "-I", "-c", script]).toString();
      assert.match(said, /^\(3, 11\) .*\.pyc$/mu);
    }
  });

  it("is named by its content", async () => {
    const root = await baseRoot("python:3.11");
    assert.equal(await digestTree(root.folder), root.digest);
    assert.equal((await baseRoot("python:3.11")).folder, root.folder, "made once");
  });

  it("is what a package runs on that names it, where the operator wants that", async () => {
    const root = await baseRoot("python:3.11");
    const pkg = path.join(folder, "package");
    mkdirSync(pkg);
    const manifest = { id: "p", name: "P", environment: "python:3.11", entrypoint: "normalize" };
    writeFileSync(path.join(pkg, "normalizer.json"), JSON.stringify(manifest));
    writeFileSync(path.join(pkg, "normalize.py"), "def run(meta, raw):\n    return []\n");
    const open = async (roots: "auto" | "machine" | "required", home: string) =>
      (await openCatalogue({ home, roots }).open(pkg)).root;
    const home = path.join(folder, "home");
    assert.equal(await open("machine", home), null);
    assert.equal(await open("auto", home), null, "there is none");
    await assert.rejects(open("required", home), /whiskers root make python:3\.11/u);
    await shareRoot(home, "python:3.11");
    assert.deepEqual(await open("auto", home), {
      ...root,
      folder: root.folder.replace(ROOTS_HOME, home),
    });
    assert.equal(await open("machine", home), null);
  });

  it("is listed and removed by `whiskers root`", async () => {
    await baseRoot("python:3.11");
    const home = path.join(folder, "other-home");
    await shareRoot(home, "python:3.11");
    const whiskers = (...args: readonly string[]) =>
      spawnSync(WHISKERS, ["root", ...args], {
        encoding: "utf8",
        env: { ...process.env, WHISKERS_HOME: home },
      });
    assert.match(
      whiskers("list").stdout,
      /^python:3\.11 +sha256:[0-9a-f]{12} +made .*, \d+ Debian packages/u,
    );
    const listed: unknown = JSON.parse(whiskers("list", "--json").stdout);
    assert.deepEqual(Object.keys(listed as object), ["roots"]);
    assert.equal(whiskers("make", "python:3.11").status, 0, "it is there already");
    assert.equal(whiskers("make", "pyhton").status, 2);
    assert.equal(whiskers("remove", "python:3.11").status, 0);
    assert.equal(await findRoot(home, "python:3.11"), null);
    assert.deepEqual(readdirSync(path.join(home, "roots/trees")), []);
    assert.equal(whiskers("remove", "python:3.11").status, 2);
  });
});

function* walk(folder: string): Generator<Stats> {
  for (const name of readdirSync(folder)) {
    const file = path.join(folder, name);
    const stats = lstatSync(file);
    yield stats;
    if (stats.isDirectory()) yield* walk(file);
  }
}
