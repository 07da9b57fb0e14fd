/** `whiskers run --watch`, by its command line: what a person does with an editor, and what a file system does. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { after, suite, test } from "node:test";

const ROOT = path.resolve(import.meta.dirname, "../..");
const scratch = mkdtempSync(path.join(tmpdir(), "whiskers-watch-"));
after(() => {
  rmSync(scratch, { recursive: true, force: true });
});

// What each event holds, its test says.
// oxlint-disable-next-line typescript/no-explicit-any
type Event = any;

/** A `whiskers run … --watch` that runs, and what it says. */
class Watching implements AsyncDisposable {
  readonly child: ChildProcess;
  readonly seen: string[] = [];
  readonly #lines: AsyncIterator<string>;

  constructor(more: Readonly<Record<string, string>>, ...args: readonly string[]) {
    const env = { ...process.env, NO_COLOR: "1", WHISKERS_HOME: path.join(scratch, "home"), ...more };
    const argv = ["src/cli/main.ts", "run", ...args, "--watch"];
    this.child = spawn(process.execPath, argv, { cwd: ROOT, env, stdio: ["ignore", "pipe", "inherit"] });
    if (this.child.stdout === null) throw new Error("no output");
    this.#lines = createInterface(this.child.stdout)[Symbol.asyncIterator]();
  }

  /** The next line of text that matches. */
  async line(wanted: RegExp): Promise<string> {
    for (;;) {
      const { value, done } = await this.#lines.next();
      if (done === true) throw new Error(`it ended before ${String(wanted)}:\n${this.seen.join("\n")}`);
      this.seen.push(value);
      if (wanted.test(value)) return value;
    }
  }

  /** The next event of a kind. */
  async event(kind: string): Promise<Event> {
    return JSON.parse(await this.line(new RegExp(`^\\{"event":"${kind}"`, "u")));
  }

  /** The next run, after which the next save is waited for. */
  async run(): Promise<Event> {
    const run = await this.event("run");
    await this.event("waiting");
    return run;
  }

  async end(): Promise<number | null> {
    this.child.kill("SIGINT");
    if (this.child.exitCode === null) await once(this.child, "exit");
    return this.child.exitCode;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end();
  }
}

function normalizer(name: string, code: string): { folder: string; code: string; raw: string } {
  const folder = path.join(scratch, name);
  mkdirSync(folder);
  const manifest = { id: name, name, environment: "python", entrypoint: "normalize" };
  writeFileSync(path.join(folder, "normalizer.json"), JSON.stringify(manifest));
  writeFileSync(path.join(folder, "normalize.py"), code);
  const raw = path.join(scratch, `${name}.raw`);
  writeFileSync(raw, "one\ntwo\n");
  return { folder, code: path.join(folder, "normalize.py"), raw };
}

/** As editors save: a file beside it, then a rename. */
function saveByRename(file: string, text: string): void {
  writeFileSync(`${file}~new`, text);
  renameSync(`${file}~new`, file);
}

const codeFor = (more: string): string => `
def run(meta, raw):
    for name in raw.decode().split():
        yield {"object_type": "Network", "name": name + "${more}"}
`;

suite("whiskers run --watch", { concurrency: 2, timeout: 120_000 }, () => {
  test("runs again on every saved change, and survives what goes wrong", async () => {
    const { folder, code, raw } = normalizer("edited", codeFor(""));
    await using watching = new Watching({}, folder, raw, "--json");
    const first = await watching.run();
    assert.equal(first.run.outcome.status, "succeeded");
    assert.equal(first.differences, null);

    saveByRename(code, codeFor("-x"));
    assert.deepEqual((await watching.event("begin")).saved, [code]);
    const renamed = await watching.run();
    assert.deepEqual(
      renamed.differences.map(({ kind, what }: Event) => `${kind} ${what}`),
      ["missing Network|one", "missing Network|two", "unexpected Network|one-x", "unexpected Network|two-x"],
    );
    assert.notEqual(renamed.run.run.packageDigest, first.run.run.packageDigest);
    assert.equal(renamed.run.run.timingsMs.open, 0, "in a sandbox that waited");

    writeFileSync(code, "def run(:\n");
    const broken = await watching.run();
    assert.equal(broken.run.outcome.code, "normalizer-load-failed");
    assert.match(broken.run.outcome.message, /SyntaxError/u);
    assert.equal(broken.differences, null);

    writeFileSync(code, codeFor("-x"));
    assert.deepEqual((await watching.run()).differences, [], "compared with the last success");

    writeFileSync(raw, "one\n");
    assert.deepEqual(
      (await watching.run()).differences.map(({ what }: Event) => what),
      ["Network|two-x"],
    );

    const manifest = readFileSync(path.join(folder, "normalizer.json"), "utf8");
    writeFileSync(path.join(folder, "normalizer.json"), "{");
    assert.equal((await watching.event("error")).error.code, "manifest-invalid");
    saveByRename(path.join(folder, "normalizer.json"), manifest.replace("}", ',"version":"2"}'));
    assert.equal((await watching.run()).run.run.normalizer.version, "2");

    cpSync(folder, `${folder}-kept`, { recursive: true });
    rmSync(folder, { recursive: true });
    assert.match((await watching.event("error")).error.message, /no such file or folder/u);
    cpSync(`${folder}-kept`, folder, { recursive: true });
    assert.equal((await watching.run()).run.outcome.status, "succeeded");
    // The new folder of that name is the one that is watched.
    mkdirSync(path.join(folder, "names"));
    writeFileSync(path.join(folder, "names/__init__.py"), 'EXTRA = "-y"\n');
    writeFileSync(code, `from names import EXTRA\n${codeFor("").replace('""', "EXTRA")}`);
    const imported = await watching.run();
    assert.equal(imported.run.objects[0]?.name, "one-y", JSON.stringify(imported.run.outcome));
    writeFileSync(path.join(folder, "names/__init__.py"), 'EXTRA = "-z"\n');
    assert.equal((await watching.run()).run.objects[0]?.name, "one-z");
  });

  test("a save ends a run that is under way; many saves at once are one", async () => {
    const { folder, code, raw } = normalizer("looping", codeFor(""));
    await using watching = new Watching(
      { WHISKERS_HOME: path.join(scratch, "looping-home") },
      folder,
      raw,
      "--json",
    );
    await watching.run();
    writeFileSync(code, "def run(meta, raw):\n    while True:\n        pass\n");
    await watching.event("begin");
    const saves = 40;
    for (let at = 1; at <= saves; at += 1) writeFileSync(code, codeFor(`-${at}`));
    const runs: Event[] = [];
    do runs.push(await watching.run());
    while (runs.at(-1)?.run.objects[0]?.name !== `one-${saves}`);
    assert.ok(runs.length <= saves / 4, `${runs.length} runs for ${saves} saves at once`);
    assert.equal(await watching.end(), 130);
    const left = readdirSync(path.join(scratch, "looping-home/cache")).filter((name) =>
      name.startsWith("watch-"),
    );
    assert.deepEqual(left, [], "nothing is left");
  });

  test("a person reads what was saved and what changed", async () => {
    const { folder, code, raw } = normalizer("read", codeFor(""));
    await using watching = new Watching({}, folder, raw);
    await watching.line(/^Output/u);
    writeFileSync(code, `${codeFor("")}        print("seen \\x1b[2J")\n`);
    await watching.line(/^── saved: .*normalize\.py$/u);
    await watching.line(/^read on .*: succeeded in /u);
    await watching.line(/^Nothing changed in what it gives \(2 objects\)\.$/u);
    await watching.line(/^ {2}stderr {3}seen [^\u001b]+$/u);
    await watching.line(/ after it was saved$/u);
    writeFileSync(code, codeFor("").replace('"object_type"', '"user_id": 7, "object_type"'));
    await watching.line(/^Since the last run {2}2 changed$/u);
    await watching.line(/^ {2}~ Network\|one$/u);
    await watching.line(/^ {6}user_id: \(nothing\) → 7$/u);
  });

  test("what cannot change is not watched", () => {
    const { folder } = normalizer("unwatchable", codeFor(""));
    for (const [args, why] of [
      [[folder, "-"], /standard input can be read only once/u],
      [["name:tag", folder], /an image does not change/u],
    ] as const) {
      const argv = ["src/cli/main.ts", "run", ...args, "--watch"];
      const { status, stderr } = spawnSync(process.execPath, argv, { cwd: ROOT, encoding: "utf8" });
      assert.equal(status, 2);
      assert.match(stderr, why);
    }
  });
});

suite("from the save to the screen", { timeout: 120_000 }, () => {
  for (const [language, file, pattern] of [
    ["python", "normalize.py", '"protocol"'],
    ["typescript", "normalize.ts", "protocol"],
  ] as const) {
    test(`under 300 ms in ${language}`, async (t) => {
      const folder = path.join(scratch, `nmap-${language}`);
      cpSync(path.join(ROOT, `examples/normalizers/nmap-${language}`), folder, {
        recursive: true,
        dereference: true,
      });
      const code = path.join(folder, file);
      const text = readFileSync(code, "utf8");
      assert.ok(text.includes(pattern));
      await using watching = new Watching({}, folder, path.join(folder, "tests/nmap-tcp/raw"), "--json");
      await watching.run();
      const times: number[] = [];
      for (let at = 0; at < 7; at += 1) {
        const savedMs = performance.now();
        saveByRename(code, text + "\n".repeat(at + 1));
        const { run } = await watching.event("run");
        times.push(performance.now() - savedMs);
        assert.equal(run.outcome.status, "succeeded");
        await watching.event("waiting");
      }
      const median = times.toSorted((a, b) => a - b)[3] ?? Number.POSITIVE_INFINITY;
      t.diagnostic(
        `${language}: p50 ${Math.round(median)} ms of ${times.map((ms) => Math.round(ms)).join(", ")}`,
      );
      assert.ok(median < 300, `p50 ${median} ms`);
    });
  }
});
