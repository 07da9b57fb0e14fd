/** `whiskers run --debug`: a person at a terminal with pdb, and a debugger for Node.js. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import path from "node:path";
import { text } from "node:stream/consumers";
import { after, suite, test } from "node:test";

const ROOT = path.resolve(import.meta.dirname, "../..");
const scratch = mkdtempSync(path.join(tmpdir(), "whiskers-debug-"));
const raw = path.join(scratch, "raw");
writeFileSync(raw, "one two\n");
after(() => {
  rmSync(scratch, { recursive: true, force: true });
});
const ENV = { ...process.env, NO_COLOR: "1", WHISKERS_HOME: path.join(scratch, "home") };

function normalizer(name: string, files: Readonly<Record<string, string>>, manifest: object): string {
  const folder = path.join(scratch, name);
  mkdirSync(folder);
  for (const [file, content] of Object.entries({
    ...files,
    "normalizer.json": JSON.stringify({ id: name, name, ...manifest }),
  }))
    writeFileSync(path.join(folder, file), content);
  return folder;
}

const python = normalizer(
  "debugged-python",
  {
    "normalize.py": `
def helper(name):
    breakpoint()
    return name + "-seen"

def run(meta, raw):
    names = raw.decode().split()
    for name in names[:1]:
        yield {"object_type": "Network", "name": helper(name)}
    if len(names) == 2:
        raise ValueError("two \\x1b]0;owned\\x07")
`,
  },
  { environment: "python", entrypoint: "normalize" },
);

const javascript = normalizer(
  "debugged-javascript",
  {
    "normalize.ts": `const suffix: string = "-seen";
export function* run(_meta: object, raw: Buffer): Generator<object> {
  const names = raw.toString().trim().split(" ");
  for (const name of names) {
    yield { object_type: "Network", name: name + suffix };
  }
}
`,
  },
  { environment: "node", entrypoint: "normalize.ts" },
);

interface Ran {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function whiskers(args: readonly string[], input = ""): Ran {
  const argv = ["src/cli/main.ts", "run", ...args];
  return spawnSync(process.execPath, argv, { cwd: ROOT, env: ENV, input, encoding: "utf8", timeout: 60_000 });
}

function atTerminal(steps: readonly (readonly [string, string])[], args: readonly string[]): Ran {
  const argv = [
    path.join(import.meta.dirname, "../fixtures/terminal.py"),
    JSON.stringify(steps),
    process.execPath,
    "src/cli/main.ts",
    "run",
    ...args,
  ];
  return spawnSync("python3", argv, {
    cwd: ROOT,
    env: { ...ENV, TERM: "xterm" },
    encoding: "utf8",
    timeout: 90_000,
  });
}

suite("pdb", { concurrency: 2, timeout: 120_000 }, () => {
  test("on the person's terminal: steps, breakpoint(), a look back at what was raised; without a time limit", () => {
    const steps = [
      ["-> names = raw.decode().split()", ""],
      // Twice as long as the limit of a run that is not debugged.
      ["(Pdb) ", "import time; time.sleep(2)\r"],
      ["(Pdb) ", "n\r"],
      ["-> for name in names[:1]", ""],
      ["(Pdb) ", "p len(raw), meta['raw_data']['id'] != ''\r"],
      ["(8, True)", ""],
      [
        "(Pdb) ",
        "p __import__('os').listdir('/sys/class') if __import__('os').path.exists('/sys') else 'no network'\r",
      ],
      ["'no network'", ""],
      ["(Pdb) ", "c\r"],
      ['-> return name + "-seen"', ""],
      ["(Pdb) ", "up\r"],
      ["(Pdb) ", "w\r"],
      ["(Pdb) ", "c\r"],
      ["It was not caught", ""],
      ["(Pdb) ", "p names\r"],
      ["['one', 'two']", ""],
      ["(Pdb) ", "q\r"],
    ] as const;
    const { status, stdout } = atTerminal(steps, [python, raw, "--debug", "--timeout", "1"]);
    assert.equal(status, 1, stdout);
    assert.match(stdout, /normalizer-raised[^]*ValueError: two/u);
    assert.ok(!stdout.includes("\u001b]0;owned"), "nothing of the guest's reaches the terminal as it is");
    assert.doesNotMatch(stdout, /whiskers\/run\.py/u, "what calls the normalizer is not shown");
  });

  test("what a person does to end it ends it", () => {
    const left = whiskers([python, raw, "--debug"], "q\n");
    assert.equal(left.status, 1);
    assert.match(left.stdout, /the debugger was left before the run was over/u);
    const interrupted = atTerminal([["(Pdb) ", "\u0003"]], [python, raw, "--debug"]);
    assert.match(interrupted.stdout, /cancelled/u);
    const ended = atTerminal([["(Pdb) ", "\u0004"]], [python, raw, "--debug"]);
    assert.match(ended.stdout, /the debugger was left/u);
  });

  test("OpenKAT's convention, an error while loading, and output for programs", () => {
    const openkat = normalizer(
      "debugged-openkat",
      {
        "normalize.py":
          "from octopoes.models.ooi.network import Network\n\ndef run(input_ooi, raw):\n    yield Network(name=raw.decode().split()[0])\n",
      },
      { consumes: ["boefje/x"] },
    );
    const { stdout, stderr } = whiskers([openkat, raw, "--debug", "--json"], "p input_ooi\nc\n");
    const { runs } = JSON.parse(stdout);
    assert.equal(runs[0].outcome.status, "succeeded", stdout);
    assert.equal(runs[0].objects[0].primary_key, "Network|one");
    assert.match(stderr, /-> yield Network\(name=raw/u);
    const names = runs[0].run.protections.filter(({ by }: { by: string | null }) => by === null);
    const usual = JSON.parse(whiskers([openkat, raw, "--json"]).stdout);
    const missing = usual.runs[0].run.protections.filter(({ by }: { by: string | null }) => by === null);
    assert.deepEqual(names, missing, "the sandbox is as tight as any");

    const broken = normalizer(
      "debugged-broken",
      { "normalize.py": "wrong = 7\nassert wrong == 8\ndef run(meta, raw):\n    return []\n" },
      { environment: "python", entrypoint: "normalize" },
    );
    const load = whiskers([broken, raw, "--debug"], "p wrong + 1000\nq\n");
    assert.match(load.stderr, /AssertionError[^]*1007/u);
    assert.match(load.stdout, /normalizer-load-failed/u);
  });
});

// What the protocol answers, its test says.
// oxlint-disable-next-line typescript/no-explicit-any
type Message = any;

/** A debugger that speaks the Chrome DevTools Protocol. */
class Inspector {
  readonly #socket: WebSocket;
  readonly #seen: Message[] = [];
  #wake: () => void = () => {};
  #id = 0;

  constructor(url: string) {
    this.#socket = new WebSocket(url);
    this.#socket.addEventListener("message", ({ data }) => {
      this.#seen.push(JSON.parse(String(data)));
      this.#wake();
    });
  }

  async opened(): Promise<this> {
    if (this.#socket.readyState === WebSocket.CONNECTING) await once(this.#socket, "open");
    return this;
  }

  /** Without waiting for an answer: what goes on may have ended before it. */
  say(method: string, params: object = {}): number {
    this.#id += 1;
    this.#socket.send(JSON.stringify({ id: this.#id, method, params }));
    return this.#id;
  }

  async post(method: string, params: object = {}): Promise<Message> {
    const id = this.say(method, params);
    const answer = await this.next((message) => message.id === id);
    assert.equal(answer.error, undefined, JSON.stringify(answer));
    return answer.result;
  }

  /** The first message that fits, of those that nobody asked for yet. */
  async next(fits: (message: Message) => boolean): Promise<Message> {
    for (;;) {
      const at = this.#seen.findIndex((message) => fits(message));
      if (at !== -1) return this.#seen.splice(at, 1)[0];
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  paused(): Promise<Message> {
    return this.next(({ method }) => method === "Debugger.paused");
  }

  close(): void {
    this.#socket.close();
  }
}

class Debugging implements Disposable {
  readonly child: ChildProcess;
  #out = "";
  #err = "";

  constructor(...args: readonly string[]) {
    const argv = ["src/cli/main.ts", "run", javascript, raw, "--debug", "--inspect-port", "0", ...args];
    this.child = spawn(process.execPath, argv, { cwd: ROOT, env: ENV, stdio: ["ignore", "pipe", "pipe"] });
    this.child.stdout?.on("data", (chunk: Buffer) => (this.#out += chunk.toString()));
    this.child.stderr?.on("data", (chunk: Buffer) => (this.#err += chunk.toString()));
  }

  async url(): Promise<string> {
    for (;;) {
      const found = /ws:\S+/u.exec(this.#err)?.[0];
      if (found !== undefined) return found;
      if (this.child.stderr === null || this.child.exitCode !== null) throw new Error(this.#err);
      await once(this.child.stderr, "data");
    }
  }

  [Symbol.dispose](): void {
    this.child.kill();
  }

  async out(): Promise<string> {
    if (this.child.exitCode === null) await once(this.child, "close");
    return this.#out;
  }
}

suite("the inspector of Node.js", { timeout: 120_000 }, () => {
  test("stops at the first line, then at breakpoints, and looks at values; only one may, and only from here", async () => {
    using debugging = new Debugging("--timeout", "1", "--json");
    const url = await debugging.url();
    const http = url.replace("ws:", "http:").replace(/[^/]*$/u, "");
    const [target] = (await (await fetch(`${http}json/list`)).json()) as readonly Message[];
    assert.equal(target.webSocketDebuggerUrl, url);
    assert.equal(await statusOf(`${http}json/list`, { host: "evil.example:80" }), 404, "DNS rebinding");
    assert.equal(
      await statusOf(url.replace("ws:", "http:"), { ...UPGRADE, origin: "http://evil.example" }),
      401,
    );
    assert.equal(await statusOf(`${http}guessed`, UPGRADE), 400);

    const inspector = await new Inspector(url).opened();
    assert.equal(await statusOf(url.replace("ws:", "http:"), UPGRADE), 401, "a second debugger");
    await inspector.post("Runtime.enable");
    await inspector.post("Debugger.enable");
    await inspector.post("Debugger.setBreakpointByUrl", { urlRegex: "normalize\\.ts$", lineNumber: 4 });
    await inspector.post("Runtime.runIfWaitingForDebugger");
    const first = await inspector.paused();
    assert.equal(first.params.callFrames[0].location.lineNumber, 0);
    inspector.say("Debugger.resume");
    for (const name of ["one", "two"]) {
      const { params } = await inspector.paused();
      const [frame] = params.callFrames;
      assert.equal(frame.functionName, "run");
      const seen = await inspector.post("Debugger.evaluateOnCallFrame", {
        callFrameId: frame.callFrameId,
        expression: "name + names.length",
      });
      assert.equal(seen.result.value, `${name}2`);
      inspector.say("Debugger.resume");
    }
    const { runs } = JSON.parse(await debugging.out());
    assert.deepEqual(runs[0].outcome, { status: "succeeded" });
    assert.deepEqual(
      runs[0].objects.map(({ name }: Message) => name),
      ["one-seen", "two-seen"],
    );
    assert.notEqual(runs[0].run.runtime.driver, "inline");
  });

  test("a debugger that goes away lets the run go on", async () => {
    using debugging = new Debugging();
    const inspector = await new Inspector(await debugging.url()).opened();
    await inspector.post("Debugger.enable");
    await inspector.post("Runtime.runIfWaitingForDebugger");
    await inspector.paused();
    inspector.close();
    assert.match(await debugging.out(), /succeeded[^]*two-seen/u);
    assert.equal(debugging.child.exitCode, 0);
  });
});

const UPGRADE = {
  connection: "Upgrade",
  upgrade: "websocket",
  "sec-websocket-version": "13",
  "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
};

async function statusOf(url: string, headers: Readonly<Record<string, string>>): Promise<number | undefined> {
  const asked = request(url, { headers, agent: false });
  asked.end();
  const [response] = await Promise.race([once(asked, "response"), once(asked, "upgrade")]);
  response.destroy();
  return response.statusCode;
}

test("what cannot be debugged is said, with what can", async () => {
  const shell = normalizer("debugged-shell", {}, { environment: "command", entrypoint: ["cat"] });
  writeFileSync(path.join(scratch, "other"), "x");
  const refused = [
    [[shell, raw], /debugged-shell is a command guest; Python and JavaScript can be debugged/u],
    [[javascript, raw, "--runtime", "inline"], /in a thread of Whiskers itself; choose subprocess or oci/u],
    [[python, raw, path.join(scratch, "other")], /one raw file at a time can be debugged, and these are 2/u],
    [[python, "-"], /standard input is for the debugger/u],
    [[python, raw, "--state", "reuse"], /--state can be fresh alone/u],
    [[python, raw, "--watch"], /exclude each other/u],
    [[javascript, raw, "--inspect-port", "70000"], /expected a port/u],
  ] as const;
  await Promise.all(
    refused.map(async ([args, why]) => {
      const child = spawn(process.execPath, ["src/cli/main.ts", "run", ...args, "--debug"], {
        cwd: ROOT,
        env: ENV,
        stdio: ["ignore", "ignore", "pipe"],
      });
      const [said] = await Promise.all([text(child.stderr), once(child, "close")]);
      assert.equal(child.exitCode, 2, said);
      assert.match(said, why);
    }),
  );
});
