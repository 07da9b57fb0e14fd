/** `whiskers run` and `whiskers test` of folders with sources of WebAssembly, by the command line. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  statSync,
  writeFileSync,
} from "node:fs";
import path from "node:path";
import { describe, test } from "node:test";

import { buildFolder, missingToolchain } from "../../sdk/test/toolchain.ts";
import { missingRustTarget } from "../fixtures/rust-target.ts";

const ROOT = path.resolve(import.meta.dirname, "../..");
const TYPESCRIPT = `import { Hostname, Network } from "whiskers";
export function* run(_meta: unknown, raw: Uint8Array) {
  const network = new Network({ name: "internet" });
  yield network;
  for (const name of new TextDecoder().decode(raw).split("\\n")) if (name) yield new Hostname({ network, name });
}
`;

describe("a run compiles what it needs", { concurrency: 1, timeout: 600_000 }, () => {
  test("Go", { skip: missingToolchain("go") }, () => {
    using built = buildFolder();
    const source = fromTemplate(built.path, "go");
    const { whiskers, stamp } = tools(built.path, source);
    assert.deepEqual(whiskers("run").keys, ["Network|internet", "Hostname|internet|a.example"]);
    const first = stamp();
    assert.deepEqual(whiskers("run").keys, ["Network|internet", "Hostname|internet|a.example"]);
    assert.equal(stamp(), first);

    edit(source, "main.go", `Name: "internet"`, `Name: "office"`);
    assert.deepEqual(whiskers("run").keys, ["Network|office", "Hostname|office|a.example"]);
    assert.notEqual(stamp(), first);

    const working = stamp();
    appendFileSync(path.join(source, "main.go"), "this is no Go\n");
    const failed = whiskers("run");
    assert.equal(failed.status, 1);
    assert.deepEqual(failed.error, "build-failed");
    assert.match(failed.text, /main\.go:\d+:1: syntax error/u);
    assert.equal(stamp(), working);
    assert.deepEqual(whiskers("run", ["--no-compile"]).keys, ["Network|office", "Hostname|office|a.example"]);
    const without = whiskers("run", [], { PATH: "/usr/bin:/bin" });
    assert.deepEqual([without.status, without.error], [2, "environment-missing"]);
    assert.deepEqual(
      readdirSync(source).filter((name) => name.startsWith(".")),
      [],
    );
  });

  test("Go, and no program that the folder's settings for Git name", { skip: missingToolchain("go") }, () => {
    using built = buildFolder();
    const source = fromTemplate(built.path, "go");
    const seen = path.join(built.path, "seen");
    const program = path.join(built.path, "program");
    writeFileSync(program, `#!/bin/sh\necho > ${seen}\n`, { mode: 0o755 });
    const git = (...args: readonly string[]): void => {
      const user = ["-c", "user.name=it", "-c", "user.email=it@example.com"];
      assert.equal(spawnSync("git", [...user, ...args], { cwd: source }).status, 0);
    };
    git("init");
    git("add", ".");
    git("commit", "--message", "it");
    git("config", "core.fsmonitor", program);
    const { whiskers } = tools(built.path, source);
    // Whoever runs the tests may have told Go to leave Git alone.
    const { keys } = whiskers("run", [], { GOENV: "off", GOFLAGS: "" });
    assert.deepEqual(keys, ["Network|internet", "Hostname|internet|a.example"]);
    assert.equal(existsSync(seen), false);
  });

  test("TypeScript, and its cases", () => {
    using built = buildFolder();
    const source = path.join(built.path, "source");
    mkdirSync(source);
    writeFileSync(path.join(source, "normalize.ts"), TYPESCRIPT);
    writeFileSync(
      path.join(source, "normalizer.json"),
      manifest({ id: "it", name: "It", consumes: ["text/plain"] }),
    );
    const { whiskers, stamp } = tools(built.path, source);
    mkdirSync(path.join(source, "tests/one"), { recursive: true });
    cpSync(path.join(built.path, "raw"), path.join(source, "tests/one/raw"));
    const tested = whiskers("test", ["--update", "--cases"]);
    assert.equal(tested.status, 0, tested.text);
    const first = stamp();
    assert.deepEqual(whiskers("run").keys, ["Network|internet", "Hostname|internet|a.example"]);
    assert.equal(stamp(), first);
  });

  test("Rust, when it is said that its code may run", { skip: missingRustTarget() }, () => {
    using built = buildFolder();
    const source = fromTemplate(built.path, "rust");
    const { whiskers, stamp } = tools(built.path, source);
    const refused = whiskers("run");
    assert.deepEqual([refused.status, refused.error], [2, "usage"]);
    assert.match(refused.text, /--compile if you trust it/u);
    assert.deepEqual(whiskers("run", ["--compile"]).keys, [
      "Network|internet",
      "Hostname|internet|a.example",
    ]);
    const first = stamp();
    assert.deepEqual(whiskers("run").keys, ["Network|internet", "Hostname|internet|a.example"]);
    assert.equal(stamp(), first);
  });
});

function manifest(rest: object): string {
  return JSON.stringify({ ...rest, environment: "wasm", entrypoint: "normalize.wasm" });
}

/** As `whiskers new` lays it out, but for its environment. */
function fromTemplate(built: string, language: "rust" | "go"): string {
  const folder = path.join(built, "source");
  cpSync(path.join(ROOT, "templates", language), folder, { recursive: true });
  cpSync(path.join(ROOT, "sdk", language), path.join(folder, "whiskers"), { recursive: true });
  const file = path.join(folder, "normalizer.json");
  const { $schema: _, ...rest } = JSON.parse(readFileSync(file, "utf8").replaceAll("NAME", "it")) as Record<
    string,
    unknown
  >;
  writeFileSync(file, manifest(rest));
  return folder;
}

function edit(folder: string, name: string, before: string, after: string): void {
  const file = path.join(folder, name);
  const text = readFileSync(file, "utf8");
  assert.ok(text.includes(before));
  writeFileSync(file, text.replace(before, after));
}

interface Said {
  readonly status: number | null;
  readonly text: string;
  /** Primary keys of the objects that came out. */
  readonly keys: readonly string[];
  readonly error: string | undefined;
}

function tools(built: string, source: string) {
  const raw = path.join(built, "raw");
  writeFileSync(raw, "a.example\n");
  const whiskers = (command: "run" | "test", options: readonly string[] = [], env: object = {}): Said => {
    const args = [command, source, ...(command === "run" ? [raw] : []), "--json", ...options];
    const { status, stdout, stderr } = spawnSync(path.join(ROOT, "whiskers"), args, {
      encoding: "utf8",
      timeout: 300_000,
      env: { ...process.env, WHISKERS_HOME: path.join(built, "home"), ...env },
    });
    // Whatever a compiler says, standard output is one document.
    const document = JSON.parse(stdout) as Document;
    const keys = document.runs?.flatMap(({ objects }) => objects.map((one) => one.primary_key)) ?? [];
    return { status, text: stdout + stderr, keys, error: document.error?.code };
  };
  return { whiskers, stamp: () => statSync(path.join(source, "normalize.wasm"), { bigint: true }).ino };
}

interface Document {
  readonly runs?: readonly { readonly objects: readonly { readonly primary_key: string }[] }[];
  readonly error?: { readonly code: string };
}
