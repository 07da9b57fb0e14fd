import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, suite, test } from "node:test";

import { Ajv2020 } from "ajv/dist/2020.js";

import { buildZip, rawMetaJson } from "../fixtures/build-zip.ts";

const ROOT = path.resolve(import.meta.dirname, "../..");
const WHISKERS = path.join(ROOT, "whiskers");
const RAW_ID = "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa";
const OTHER_ID = "bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb";

const validates = new Ajv2020({ strict: false }).compile(
  JSON.parse(readFileSync(path.join(ROOT, "protocol/schemas/run-document.json"), "utf8")),
);

/** Small packages, each one file of Python. */
const PACKAGES: Readonly<Record<string, string>> = {
  hosts: `
def run(meta, raw):
    yield {"object_type": "Network", "$id": "n", "name": "internet"}
    for line in raw.decode().splitlines():
        yield {"object_type": "Hostname", "network": {"$ref": "#n"}, "name": line}
`,
  nothing: "def run(meta, raw):\n    return []\n",
  raises:
    'def run(meta, raw):\n    yield {"object_type": "Network", "name": "internet"}\n    raise ValueError("\\x1b[31mbad\\u202e")\n',
  invalid:
    'def run(meta, raw):\n    yield {"object_type": "Network", "name": "internet"}\n    yield {"object_type": "Hostname", "name": 3}\n',
  loops: "def run(meta, raw):\n    while True: pass\n",
  sleeps:
    'import sys, time\ndef run(meta, raw):\n    print("up", file=sys.stderr, flush=True)\n    time.sleep(60)\n    return []\n',
  noisy: 'import sys\ndef run(meta, raw):\n    print("\\x1b]0;owned\\x07\\x1b[2Jhello")\n    return []\n',
  echoes:
    'import json\ndef run(meta, raw):\n    boefje = meta["raw_data"]["boefje_meta"]\n' +
    '    print(json.dumps([meta["raw_data"]["mime_types"], boefje["input_ooi"], boefje["arguments"], boefje.get("environment")]))\n    return []\n',
  many: 'def run(meta, raw):\n    for i in range(20000):\n        yield {"object_type": "Network", "name": "net-%d" % i}\n',
};

let folder = "";
const at = (...names: readonly string[]): string => path.join(folder, ...names);

interface Ran {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function whiskers(args: readonly string[], env: Readonly<Record<string, string>> = {}, input = ""): Ran {
  return spawnSync(WHISKERS, args, {
    encoding: "utf8",
    input,
    timeout: 60_000,
    maxBuffer: 64 * 2 ** 20,
    env: environment(env),
  });
}

function environment(more: Readonly<Record<string, string>> = {}): Record<string, string> {
  return {
    PATH: process.env["PATH"] ?? "",
    HOME: at("user"),
    TMPDIR: at("tmp"),
    WHISKERS_HOME: at("home"),
    ...more,
  };
}

// Their schema has been checked; what a test reads of them it compares.
// oxlint-disable-next-line typescript/no-explicit-any
type Any = any;

interface RunDocument {
  readonly runs?: readonly Any[];
  readonly error?: Any;
}

/** The document that a command printed, valid against its schema. */
function documentOf({ stdout }: Ran): RunDocument {
  const document = JSON.parse(stdout) as RunDocument;
  assert.ok(validates(document), JSON.stringify(validates.errors));
  return document;
}

suite("whiskers", () => {
  before(() => {
    folder = mkdtempSync(path.join(tmpdir(), "whiskers-cli-"));
    for (const name of ["user", "tmp", "home"]) mkdirSync(at(name));
    for (const [name, code] of Object.entries(PACKAGES)) {
      mkdirSync(at(name));
      writeFileSync(at(name, "normalize.py"), code);
      writeFileSync(
        at(name, "normalizer.json"),
        JSON.stringify({
          id: name,
          name,
          consumes: ["text/plain"],
          environment: "python",
          entrypoint: "normalize",
        }),
      );
    }
    writeFileSync(at("hosts.txt"), "www.example.com\nns1.example.com\n");
  });
  after(() => {
    assert.deepEqual(readdirSync(at("tmp")), [], "temporary files were left behind");
    assert.deepEqual(readdirSync(at("user")), [], "something was written to the user's home");
    rmSync(folder, { recursive: true, force: true });
  });

  test("shows what came out, for people", () => {
    const ran = whiskers(["run", at("hosts"), at("hosts.txt")]);
    assert.equal(ran.status, 0, ran.stderr);
    assert.equal(ran.stderr, "");
    assert.match(ran.stdout, /^hosts on .*hosts\.txt: succeeded in /u);
    assert.match(ran.stdout, /Objects {2}3\n {2}Hostname {2}2\n/u);
    assert.match(ran.stdout, / {4}ns1\.example\.com\n/u);
    assert.match(ran.stdout, /\nSandbox {3}\w/u);
    assert.doesNotMatch(ran.stdout, /\u001b/u);
  });

  test("gives one document, for programs", () => {
    const ran = whiskers(["run", at("hosts"), at("hosts.txt"), at("hosts.txt"), "--json"]);
    assert.equal(ran.status, 0, ran.stderr);
    const [first, second] = documentOf(ran).runs ?? [];
    assert.deepEqual(
      first.objects.map((object: { readonly primary_key: string }) => object.primary_key).toSorted(),
      ["Hostname|internet|ns1.example.com", "Hostname|internet|www.example.com", "Network|internet"],
    );
    assert.equal(first.outcome.status, "succeeded");
    assert.equal(first.run.outputSha256, second.run.outputSha256);
    assert.equal(first.run.metaSha256, second.run.metaSha256);
    assert.notEqual(first.run.runtime.driver, "inline");
  });

  const ends: readonly (readonly [string, readonly string[], number, string | null])[] = [
    ["nothing found", ["nothing", "hosts.txt"], 0, null],
    ["an error raised", ["raises", "hosts.txt"], 1, "normalizer-raised"],
    ["an invalid record", ["invalid", "hosts.txt"], 1, "invalid-output"],
    ["an endless loop", ["loops", "hosts.txt", "--timeout", "0.5"], 1, "time-limit"],
  ];
  for (const [what, [name = "", input = "", ...options], status, code] of ends) {
    test(`${what}: exit code ${status}`, () => {
      const ran = whiskers(["run", at(name), at(input), "--json", ...options]);
      assert.equal(ran.status, status, ran.stderr + ran.stdout);
      assert.equal(documentOf(ran).runs?.[0].outcome.code ?? null, code);
    });
  }

  test("rejections come with path and reason, and what was valid is there to be read", () => {
    const { runs } = documentOf(whiskers(["run", at("invalid"), at("hosts.txt"), "--json"]));
    assert.equal(runs?.[0].objects.length, 1);
    assert.ok(runs?.[0].rejections.length > 0);
    assert.equal(runs?.[0].rejections[0].record, 1);
  });

  const refused: readonly (readonly [string, () => readonly string[], number, string, RegExp])[] = [
    ["no such input", () => ["run", at("hosts"), at("none")], 2, "input-unreadable", /none: no such file/u],
    [
      "no such package",
      () => ["run", at("none"), at("hosts.txt")],
      2,
      "package-unreadable",
      /none: no such file/u,
    ],
    ["no input", () => ["run", at("hosts")], 2, "usage", /too few arguments/u],
    [
      "an unknown option",
      () => ["run", at("hosts"), at("hosts.txt"), "--tiemout=3"],
      2,
      "usage",
      /did you mean "--timeout"/u,
    ],
    [
      "an unknown option",
      () => ["run", at("hosts"), at("hosts.txt"), "--timout", "1"],
      2,
      "usage",
      /timeout/u,
    ],
    [
      "a bad size",
      () => ["run", at("hosts"), at("hosts.txt"), "--memory", "lots"],
      2,
      "usage",
      /--memory is "lots"/u,
    ],
    [
      "a size without its unit",
      () => ["run", at("hosts"), at("hosts.txt"), "--memory", "64"],
      2,
      "usage",
      /at least 16M/u,
    ],
    [
      "a file that an option names",
      () => ["run", at("hosts"), at("hosts.txt"), "--meta", at("none.json")],
      2,
      "input-unreadable",
      /--meta .*none\.json: no such file/u,
    ],
    [
      "a bad state",
      () => ["run", at("hosts"), at("hosts.txt"), "--state", "frsh"],
      2,
      "usage",
      /did you mean "fresh"/u,
    ],
    [
      "a bad input object",
      () => ["run", at("hosts"), at("hosts.txt"), "--input-ooi", "{"],
      2,
      "usage",
      /--input-ooi/u,
    ],
    [
      "an unknown runtime",
      () => ["run", at("hosts"), at("hosts.txt"), "--runtime", "nope"],
      2,
      "usage",
      /nope/u,
    ],
  ];
  for (const [what, args, status, code, message] of refused) {
    test(`${what}: exit code ${status}, for people and for programs`, () => {
      const forPeople = whiskers(args());
      assert.equal(forPeople.status, status);
      assert.match(forPeople.stderr, message);
      assert.equal(forPeople.stdout, "");
      const forPrograms = whiskers([...args(), "--json"]);
      assert.equal(forPrograms.status, status);
      const { error } = documentOf(forPrograms);
      assert.equal(error.code, code);
      assert.match(error.message, message);
    });
  }

  test("an unknown command: what was meant, for people and for programs", () => {
    const forPeople = whiskers(["rnu"]);
    assert.deepEqual([forPeople.status, forPeople.stdout], [2, ""]);
    assert.match(forPeople.stderr, /did you mean "run"/u);
    const forPrograms = whiskers(["rnu", "--json"]);
    assert.equal(forPrograms.status, 2);
    assert.equal(JSON.parse(forPrograms.stdout).error.code, "usage");
  });

  test("a bad setting is named", () => {
    const ran = whiskers(["run", at("hosts"), at("hosts.txt")], { WHISKERS_STATE: "frozen" });
    assert.equal(ran.status, 2);
    assert.match(ran.stderr, /WHISKERS_STATE is "frozen": expected auto, fresh, fork, reuse/u);
    assert.match(whiskers(["config"], { WHISKERS_HOEM: "/x" }).stderr, /did you mean "WHISKERS_HOME"/u);
  });

  test("what a guest prints and raises cannot touch the terminal", () => {
    for (const name of ["noisy", "raises"]) {
      const { stdout } = whiskers(["run", at(name), at("hosts.txt")]);
      assert.doesNotMatch(stdout, /[^\P{C}\n]/u, JSON.stringify(stdout));
    }
  });

  test("colours are there when forced, and only then", () => {
    const coloured = whiskers(["run", at("hosts"), at("hosts.txt")], { FORCE_COLOR: "1" }).stdout;
    assert.match(coloured, /\u001b\[32msucceeded/u);
    assert.doesNotMatch(whiskers(["run", at("hosts"), at("hosts.txt")], { NO_COLOR: "1" }).stdout, /\u001b/u);
  });

  test("a download: the raw files that the normalizer consumes, their meta without secrets", () => {
    writeFileSync(
      at("d.zip"),
      buildZip([
        { name: RAW_ID, content: "a" },
        { name: `raw_meta_${RAW_ID}.json`, content: rawMetaJson(RAW_ID, ["text/plain"]) },
        { name: OTHER_ID, content: "b" },
        { name: `raw_meta_${OTHER_ID}.json`, content: rawMetaJson(OTHER_ID, ["text/html"]) },
      ]),
    );
    const ran = whiskers(["run", at("echoes"), at("d.zip"), "--json"]);
    assert.equal(ran.status, 0, ran.stderr);
    assert.doesNotMatch(ran.stdout, /secret-key/u);
    const { runs } = documentOf(ran);
    assert.equal(runs?.length, 1);
    assert.equal(runs?.[0].run.rawId, RAW_ID);
    assert.deepEqual(JSON.parse(runs?.[0].logs[0].message), [
      [{ value: "text/plain" }],
      "IPAddressV4|internet|192.0.2.1",
      { input: { primary_key: "IPAddressV4|internet|192.0.2.1", address: "192.0.2.1" } },
      null,
    ]);
    assert.match(whiskers(["run", at("echoes"), at("d.zip")]).stdout, /Not run on 1:\n.*bbbb.*text\/html/u);
    assert.equal(documentOf(whiskers(["run", at("echoes"), at("d.zip"), "--all", "--json"])).runs?.length, 2);
  });

  test("a damaged download is refused", () => {
    writeFileSync(at("cut.zip"), buildZip([{ name: RAW_ID, content: "a" }]).subarray(0, 70));
    const ran = whiskers(["run", at("echoes"), at("cut.zip"), "--json"]);
    assert.equal(ran.status, 2);
    assert.equal(documentOf(ran).error.code, "input-unreadable");
  });

  test("what a person says of the input reaches the normalizer", () => {
    writeFileSync(at("ooi.json"), '{"primary_key": "Hostname|internet|a", "name": "a"}');
    const ran = whiskers([
      "run",
      at("echoes"),
      at("hosts.txt"),
      "--mime",
      "a/b",
      "--mime",
      "c/d",
      "--input-ooi",
      `@${at("ooi.json")}`,
      "--json",
    ]);
    assert.deepEqual(JSON.parse(documentOf(ran).runs?.[0].logs[0].message), [
      [{ value: "a/b" }, { value: "c/d" }],
      "Hostname|internet|a",
      { input: { primary_key: "Hostname|internet|a", name: "a" } },
      null,
    ]);
    writeFileSync(at("meta.json"), rawMetaJson(RAW_ID, ["x/y"]));
    const withMeta = documentOf(
      whiskers(["run", at("echoes"), at("hosts.txt"), "--meta", at("meta.json"), "--json"]),
    );
    assert.equal(withMeta.runs?.[0].run.rawId, RAW_ID);
    assert.match(withMeta.runs?.[0].logs[0].message, /x\/y/u);
  });

  test("an input object without a key gets the one that follows from it, or is refused", () => {
    const run = (ooi: object): ReturnType<typeof whiskers> =>
      whiskers(["run", at("echoes"), at("hosts.txt"), "--input-ooi", JSON.stringify(ooi), "--json"]);
    const ran = run({ object_type: "Hostname", network: "Network|internet", name: "A.example" });
    const [, key, { input }] = JSON.parse(documentOf(ran).runs?.[0].logs[0].message);
    assert.deepEqual(
      [key, input.primary_key],
      ["Hostname|internet|a.example", "Hostname|internet|a.example"],
    );
    const without = run({ object_type: "Hostname", name: "a" });
    assert.equal(without.status, 2);
    assert.match(documentOf(without).error.message, /--input-ooi.*network/su);
    assert.deepEqual(documentOf(without).runs, []);
  });

  test("standard input is an input", () => {
    const ran = whiskers(["run", at("hosts"), "-", "--json"], {}, "www.example.com\n");
    assert.equal(documentOf(ran).runs?.[0].objects.length, 2);
  });

  test("a reader that goes away ends it quietly, with everything put away", () => {
    const ran = spawnSync(
      "bash",
      [
        "-c",
        `set -o pipefail; "${WHISKERS}" run "${at("many")}" "${at("hosts.txt")}" --json | head -c 100 >/dev/null`,
      ],
      {
        encoding: "utf8",
        timeout: 60_000,
        env: environment(),
      },
    );
    assert.equal(ran.stderr, "");
    assert.equal(ran.status, 141);
  });

  for (const [signal, status] of [
    ["SIGINT", 130],
    ["SIGTERM", 143],
  ] as const) {
    test(`${signal} ends the run, puts everything away and exits with ${status}`, async () => {
      const child = spawn(WHISKERS, ["run", at("sleeps"), at("hosts.txt"), "--json"], {
        env: environment(),
        stdio: "pipe",
      });
      const exited = once(child, "exit");
      const deadline = Date.now() + 20_000;
      // The guest runs once its package's copy has been opened by it: its process holds our marker.
      while (!childIsRunning(child.pid ?? 0) && Date.now() < deadline) {
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      child.kill(signal);
      assert.deepEqual(await exited, [status, null]);
    });
  }

  test("runs without a sandbox only when asked for by name", () => {
    const ran = whiskers(["run", at("hosts"), at("hosts.txt"), "--runtime", "inline"]);
    assert.equal(ran.status, 0, ran.stderr);
    assert.match(ran.stdout, /inline: NONE/u);
  });

  test("doctor says what works, and exits 3 only when nothing isolates", () => {
    const ran = whiskers(["doctor", "--json"]);
    const { runtimes, interpreters } = JSON.parse(ran.stdout);
    const isolating = runtimes.some((each: Any) => each.isolates && each.available);
    assert.equal(ran.status, isolating ? 0 : 3);
    assert.ok(interpreters.some((each: Any) => each.program === "python3"));
    for (const each of runtimes) assert.ok(each.available || (each.reason !== "" && each.remedy !== ""));
    assert.match(whiskers(["doctor"]).stdout, /subprocess/u);
  });

  test("help, version and explain", () => {
    assert.match(whiskers(["--version"]).stdout, /^whiskers \d+\.\d+\.\d+ \(node 24/u);
    assert.match(whiskers(["--help"]).stdout, / {2}run {6}/u);
    assert.equal(whiskers(["run", "--help"]).stdout, whiskers(["help", "run"]).stdout);
    assert.match(whiskers(["explain", "time-limit"]).stdout, /limits\.time/u);
    const none = whiskers([]);
    assert.equal(none.status, 2);
    assert.match(none.stderr, /whiskers COMMAND/u);
  });
});

/** Whether a process below this one is a sandboxed Python. */
function childIsRunning(pid: number): boolean {
  const { stdout } = spawnSync("ps", ["-eo", "pid=,ppid=,args="], { encoding: "utf8" });
  const rows = stdout.split("\n").map((line) => /^\s*(\d+)\s+(\d+)\s+(.*)$/u.exec(line));
  const below = new Set([pid]);
  for (let grown = true; grown;) {
    const before_ = below.size;
    for (const row of rows) if (row !== null && below.has(Number(row[2]))) below.add(Number(row[1]));
    grown = below.size > before_;
  }
  return rows.some((row) => row !== null && below.has(Number(row[1])) && (row[3] ?? "").includes("start.py"));
}
