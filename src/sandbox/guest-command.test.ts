import assert from "node:assert/strict";
import { test } from "node:test";

import { DEFAULT_LIMITS } from "../domain/limits.ts";
import type { Guest, Package } from "../domain/package.ts";
import { guestCommand } from "./guest-command.ts";
import type { GuestPaths } from "./guest-command.ts";
import { barePackage } from "./testing/bare-package.ts";

const PATHS: GuestPaths = {
  packageFolder: "/whiskers/package",
  sdkFolder: "/whiskers/sdk",
  dependenciesFolder: "/whiskers/dependencies",
  interpreter: null,
  metaFile: "/whiskers/meta.json",
  privateTmp: true,
};

function packageOf(guest: Guest): Package {
  return barePackage({ name: "test", folder: "/nowhere", guest });
}

test("python: the interpreter runs the SDK's start file; the environment is complete", () => {
  const pkg = packageOf({ kind: "python", version: null, module: "normalize", callable: "run" });
  const command = guestCommand(pkg, "fork", { ...PATHS, interpreter: "/opt/python3.11" }, DEFAULT_LIMITS);
  assert.deepEqual(command.argv, ["/opt/python3.11", "-S", "-s", "/whiskers/sdk/python/start.py"]);
  assert.deepEqual(command.env, {
    PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    HOME: "/tmp",
    TMPDIR: "/tmp",
    LANG: "C.UTF-8",
    WHISKERS_STATE: "fork",
    WHISKERS_PACKAGE: "/whiskers/package",
    WHISKERS_SANDBOXED: "1",
    WHISKERS_ENTRYPOINT: "normalize:run",
    PYTHONDONTWRITEBYTECODE: "1",
    PYTHONHASHSEED: "0",
    PYTHONUTF8: "1",
  });
});

test("javascript: V8's limit lies below the sandbox's", () => {
  const pkg = packageOf({ kind: "javascript", file: "src/normalize.ts", export: "run" });
  const { argv, env } = guestCommand(pkg, "reuse", PATHS, { ...DEFAULT_LIMITS, memoryBytes: 512 * 2 ** 20 });
  assert.deepEqual(argv, [
    "node",
    "--max-old-space-size=384",
    "--no-warnings",
    "/whiskers/sdk/typescript/start.ts",
  ]);
  assert.equal(env["WHISKERS_ENTRYPOINT"], "src/normalize.ts:run");
  const small = guestCommand(pkg, "reuse", PATHS, { ...DEFAULT_LIMITS, memoryBytes: 80 * 2 ** 20 });
  assert.equal(small.argv[1], "--max-old-space-size=32");
});

test("javascript: a compile cache is named when there is one", () => {
  const pkg = packageOf({ kind: "javascript", file: "normalize.ts", export: "run" });
  assert.equal(guestCommand(pkg, "fresh", PATHS, DEFAULT_LIMITS).env["NODE_COMPILE_CACHE"], undefined);
  const paths = { ...PATHS, compileCacheFolder: "/whiskers/compiled" };
  assert.equal(
    guestCommand(pkg, "fresh", paths, DEFAULT_LIMITS).env["NODE_COMPILE_CACHE"],
    "/whiskers/compiled",
  );
});

test("command: a program with a slash lies in the package, one without is looked up", () => {
  const own = packageOf({ kind: "command", argv: ["./bin/normalize", "-x"] });
  const command = guestCommand(own, "fresh", PATHS, DEFAULT_LIMITS);
  assert.deepEqual(command.argv, ["/whiskers/package/bin/normalize", "-x"]);
  assert.equal(command.env["WHISKERS_META"], "/whiskers/meta.json");
  const found = packageOf({ kind: "command", argv: ["jq", "-c", "."] });
  assert.deepEqual(guestCommand(found, "fresh", PATHS, DEFAULT_LIMITS).argv, ["jq", "-c", "."]);
});

test("program: called as a command is, and told its share of the machine", () => {
  const pkg = packageOf({ kind: "program", argv: ["./normalize", "-x"] });
  const limits = { ...DEFAULT_LIMITS, memoryBytes: 512 * 2 ** 20, cpus: 1.5 };
  const { argv, env } = guestCommand(pkg, "reuse", PATHS, limits);
  assert.deepEqual(argv, ["/whiskers/package/normalize", "-x"]);
  assert.deepEqual([env["GOMEMLIMIT"], env["GOMAXPROCS"]], ["384MiB", "2"]);
  assert.equal(env["WHISKERS_META"], undefined);
});

test("php: a shell moves the protocol's stream away; .ini files that are not seen do not count", () => {
  const pkg = packageOf({ kind: "php", version: null, file: "normalize.php", callable: "run" });
  const { argv, env } = guestCommand(pkg, "reuse", PATHS, { ...DEFAULT_LIMITS, memoryBytes: 512 * 2 ** 20 });
  assert.deepEqual(argv.slice(0, 2), ["/bin/sh", "-c"]);
  assert.equal(argv[4], "php");
  assert.ok(argv.includes("memory_limit=384M"));
  assert.ok(!argv.includes("-n"));
  assert.equal(argv.at(-1), "/whiskers/sdk/php/start.php");
  assert.equal(env["WHISKERS_ENTRYPOINT"], "normalize.php:run");
  const paths = { ...PATHS, interpreter: "/usr/bin/php8.2", phpExtensions: ["dom"] };
  const seen = guestCommand(pkg, "fresh", paths, DEFAULT_LIMITS).argv;
  assert.deepEqual(seen.slice(4, 8), ["/usr/bin/php8.2", "-n", "-d", "extension=dom"]);
});

test("/tmp is not called private when it is shared", () => {
  const pkg = packageOf({ kind: "command", argv: ["true"] });
  const { env } = guestCommand(pkg, "fresh", { ...PATHS, privateTmp: false }, DEFAULT_LIMITS);
  assert.equal(env["WHISKERS_SANDBOXED"], undefined);
});
