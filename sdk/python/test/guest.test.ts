import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { describe, test } from "node:test";

import type { StatePolicy } from "../../../src/domain/package.ts";
import { encodeFrame, FRAME } from "../../../src/sandbox/frames.ts";
import type { Answer } from "../../test/guest-process.ts";
import { GuestProcess } from "../../test/guest-process.ts";
import { findInterpreters } from "./interpreters.ts";
import { pythonGuest } from "./python-guest.ts";

const interpreter = findInterpreters().at(-1)?.path ?? null;
const FOLDER = join(import.meta.dirname, "nasty-normalizer");

function open(
  callable: string,
  state: StatePolicy,
  env: Readonly<Record<string, string>> = {},
): GuestProcess {
  const command = pythonGuest(FOLDER, state, interpreter, callable);
  return new GuestProcess(command.argv, { ...command.env, ...env });
}

/** One run of `callable` in a new guest. */
async function runOnce(
  callable: string,
  what: unknown = {},
  state: StatePolicy = "fresh",
): Promise<
  Answer & { readonly errors: string; readonly code: number | null; readonly signal: string | null }
> {
  await using guest = open(callable, state);
  await guest.ready();
  guest.sendRun(1, what, [Buffer.from("raw")]);
  const answer = await guest.answer();
  guest.closeInput();
  while ((await guest.nextFrame()) !== null);
  return { ...answer, ...(await guest.ended), errors: guest.errors };
}

describe("what a normalizer returns", { timeout: 60_000 }, () => {
  const two = [{ n: 1 }, { n: 2 }];
  const cases: readonly (readonly [string, readonly unknown[]])[] = [
    ["none", []],
    ["dict", [{ n: 1 }]],
    ["list", two],
    ["tuple", two],
    ["generator", two],
    ["async generator", two],
    ["coroutine", two],
    ["values", [{ time: "2025-01-02T00:00:00+00:00", address: "::1", set: ["a", "b"] }]],
  ];
  for (const [what, records] of cases) {
    test(what, async () => {
      const answer = await runOnce("gives", { what });
      assert.equal(answer.end, "done", JSON.stringify(answer.payload));
      assert.deepEqual(answer.records, records);
    });
  }
  const wrong: readonly (readonly [string, RegExp])[] = [
    ["number", /gave a int instead of records/],
    ["text", /gave a str instead of records/],
    ["nan", /record 1 cannot be written as JSON/],
    ["bytes", /record 0 cannot be written as JSON: bytes have no place/],
    ["itself", /record 0 cannot be written as JSON: Circular/],
    ["deep", /record 0 cannot be written as JSON: .*recursion/i],
  ];
  for (const [what, message] of wrong) {
    test(`refused: ${what}`, async () => {
      const answer = await runOnce("gives", { what });
      assert.equal(answer.end, "failed");
      assert.match(String(answer.payload["message"]), message);
    });
  }
});

describe("how a run may end", { timeout: 60_000 }, () => {
  test("an exception: type, message and the normalizer's own stack, all bounded", async () => {
    const { payload } = await runOnce("raises");
    assert.equal(payload["type"], "LookupError");
    assert.equal(payload["reason"], "raised");
    const stack = String(payload["stack"]);
    assert.match(stack, /normalize\.py", line \d+, in raises/);
    assert.match(stack, /direct cause/);
    assert.doesNotMatch(stack, /whiskers\/run\.py/);
    assert.ok(stack.length < 20_000);
  });
  test("an exception without text", async () => {
    const { payload } = await runOnce("raises_unprintable");
    assert.equal(payload["type"], "normalize.Unprintable");
  });
  test("endless recursion", async () => {
    const { payload } = await runOnce("recurses");
    assert.equal(payload["type"], "RecursionError");
  });
  test("MemoryError is told from others", async () => {
    const { payload } = await runOnce("runs_out_of_memory");
    assert.equal(payload["reason"], "memory");
  });
  test("sys.exit(0) before the end is a failure", async () => {
    const answer = await runOnce("exits");
    assert.deepEqual([answer.end, answer.payload["type"]], ["failed", "SystemExit"]);
    assert.match(String(answer.payload["message"]), /called sys\.exit\(0\)/);
    assert.deepEqual(answer.records, [{ before: true }]);
  });
  test("a record that no frame holds", async () => {
    const answer = await runOnce("huge_record");
    assert.match(String(answer.payload["message"]), /record 1 has \d+ bytes; at most 16777216/);
    assert.deepEqual(answer.records, [{ before: true }]);
  });
  test("lone surrogates break nothing", async () => {
    const answer = await runOnce("surrogates");
    assert.deepEqual(answer.records, [{ text: "\ud800" }]);
    assert.equal(answer.payload["message"], "\udfff");
    assert.match(answer.errors, /\\ud800 printed/);
  });
  test("a module that cannot be loaded", async () => {
    await using guest = open("is_missing", "reuse");
    const frame = await guest.nextFrame();
    assert.deepEqual([frame?.kind, frame?.run], [FRAME.failed, 0]);
    const payload = JSON.parse(frame?.payload.toString() ?? "");
    assert.equal(payload.reason, "load");
    assert.match(payload.message, /no function 'is_missing'/);
    assert.equal((await guest.ended).code, 1);
  });
});

describe("logs", { timeout: 60_000 }, () => {
  test("print, standard output and child processes never reach the stream", async () => {
    const answer = await runOnce("prints");
    assert.deepEqual(answer.records, [{ read: "" }]);
    for (const text of ["printed", "no line break", "bytes", "descriptor 1", "a child process"]) {
      assert.ok(answer.errors.includes(text), text);
    }
  });
  test("logging and warnings become log entries", async () => {
    const answer = await runOnce("logs");
    const text = JSON.stringify(answer.logs) + answer.errors;
    assert.match(text, /"debug","message":"of whiskers"/);
    assert.match(text, /of logging/);
    assert.match(text, /UserWarning: of warnings/);
  });
  test("threads may log while records flow: no frame is torn", async () => {
    const answer = await runOnce("thread_logs");
    assert.deepEqual([answer.end, answer.records.length, answer.logs.length], ["done", 20_000, 6000]);
  });
});

describe("streaming", { timeout: 60_000 }, () => {
  test("a record is sent after a second at the latest, with the next one", async () => {
    await using guest = open("slow", "fresh");
    await guest.ready();
    guest.sendRun(1, {});
    const frame = await guest.nextFrame();
    assert.equal(frame?.payload.toString(), '{"n":1}\n{"n":2}\n');
  });
  test("an endless normalizer streams until it is killed", async () => {
    await using guest = open("never_ends", "fork");
    await guest.ready();
    guest.sendRun(1, {});
    for (let count = 0; count < 20; count += 1) assert.equal((await guest.nextFrame())?.kind, FRAME.records);
  });
  for (const state of ["fresh", "fork"] as const) {
    test(`${state}: a large raw file arrives whole`, async () => {
      await using guest = open("does_not_read", state);
      await guest.ready();
      const raw = Buffer.alloc(40 * 1024 * 1024, "r");
      guest.sendRun(1, {}, [raw]);
      assert.deepEqual((await guest.answer()).records, [{ size: raw.length }]);
    });
  }
});

describe("what runs share", { timeout: 60_000 }, () => {
  async function twoRuns(callable: string, state: StatePolicy): Promise<readonly unknown[]> {
    await using guest = open(callable, state);
    const records: unknown[] = [];
    for (const run of [1, 2]) {
      await guest.ready();
      guest.sendRun(run, {});
      records.push(...(await guest.answer()).records);
    }
    return records;
  }
  test("fork: every run starts from the loaded state, with other random numbers", async () => {
    const [first, second] = (await twoRuns("random_numbers", "fork")) as { random: number; runs: number }[];
    assert.deepEqual([first?.runs, second?.runs], [1, 1]);
    assert.notEqual(first?.random, second?.random);
  });
  test("reuse: runs share the memory of the process, as documented", async () => {
    const [first, second] = (await twoRuns("random_numbers", "reuse")) as { runs: number }[];
    assert.deepEqual([first?.runs, second?.runs], [1, 2]);
  });
  test("the order of a set is the same in every process", async () => {
    const orders = await Promise.all([runOnce("set_order"), runOnce("set_order")]);
    assert.deepEqual(orders[0].records, orders[1].records);
  });
  test("shared: packages with modules of the same name keep apart", async () => {
    const { argv, env } = pythonGuest(FOLDER, "reuse", interpreter);
    await using guest = new GuestProcess(argv, { ...env, WHISKERS_SHARED: "1" });
    const names = ["one", "two", "one", "broken", "two"];
    const got: unknown[] = [];
    for (const [index, name] of names.entries()) {
      await guest.ready();
      const folder = join(import.meta.dirname, "shared-packages", name);
      guest.sendRun(index + 1, {}, [], { load: { folder, entrypoint: "normalize:run" } });
      const answer = await guest.answer();
      got.push(answer.end === "done" ? answer.records[0] : answer.payload["type"]);
    }
    const [one, two] = ["one", "two"].map((name) => ({ name, late: `late ${name}` }));
    assert.deepEqual(got, [one, two, one, "ModuleNotFoundError", two]);
  });
});

describe("fork: a hostile child", { timeout: 60_000 }, () => {
  /** A run of `callable`, then how the guest ended, or "ready" when it lives on. */
  async function runForked(
    callable: string,
    what: unknown = {},
  ): Promise<{
    readonly answer: Answer;
    readonly after: "ready" | number | null;
    readonly guest: GuestProcess;
  }> {
    const guest = open(callable, "fork");
    assert.equal((await guest.ready())["fork"], true);
    guest.sendRun(7, what, [Buffer.from("raw")]);
    const answer = await guest.answer();
    if (answer.end === null) return { answer, after: (await guest.ended).code, guest };
    await guest.ready();
    return { answer, after: "ready", guest };
  }

  const deaths: readonly (readonly [string, string, unknown, number])[] = [
    ["ends with status 0", "exits_hard", { status: 0 }, 70],
    ["ends with a status", "exits_hard", { status: 3 }, 3],
    ["is killed", "killed", { signal: 9 }, 137],
    ["crashes", "killed", { signal: 11 }, 139],
    ["ends, and its own child keeps the pipe", "leaves_daemon_with_pipe", {}, 9],
  ];
  for (const [name, callable, what, status] of deaths) {
    test(`${name}: the parent ends like it`, async () => {
      const { answer, after, guest } = await runForked(callable, what);
      await using _ = guest;
      assert.deepEqual([answer.end, after], [null, status]);
    });
  }

  const forgeries: readonly (readonly [string, readonly Uint8Array[]])[] = [
    ["ready", encodeFrame(FRAME.ready, 0, Buffer.from("{}"))],
    ["a frame of another run", encodeFrame(FRAME.records, 8, Buffer.from("{}\n"))],
    ["a frame that only a host sends", encodeFrame(FRAME.run, 7, Buffer.from("{}"))],
    ["an oversized frame", [Buffer.from("ffffffff1100000007", "hex")]],
  ];
  for (const [name, parts] of forgeries) {
    test(`forges ${name}: the parent lets nothing of it through, and ends`, async () => {
      const { answer, after, guest } = await runForked("forges", {
        frame: Buffer.concat(parts).toString("hex"),
      });
      await using _ = guest;
      assert.deepEqual([answer.end, answer.records, after], [null, [], 76]);
    });
  }

  test("says done twice: the second is not passed on", async () => {
    const frame = Buffer.concat(encodeFrame(FRAME.done, 7, Buffer.from('{"records":0}'))).toString("hex");
    const { answer, after, guest } = await runForked("forges", { frame });
    await using _ = guest;
    assert.deepEqual([answer.end, after], ["done", "ready"]);
  });

  test("ends just after it was looked for in vain: what it said is passed on", async () => {
    const patched = `
import os, sys
sys.path.insert(0, os.path.dirname(sys.argv[1]))
import whiskers.fork as fork
from whiskers.guest import main
poll, looked = fork._poll, []
def late(*what):
    if looked:
        return poll(*what)
    looked.append(os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT))
    return []
fork._poll = late
main()`;
    const { argv, env } = pythonGuest(FOLDER, "fork", interpreter, "random_numbers");
    const [program = "", ...rest] = argv;
    await using guest = new GuestProcess([program, "-S", "-c", patched, rest.at(-1) ?? ""], env);
    await guest.ready();
    guest.sendRun(1, {});
    assert.equal((await guest.answer()).end, "done", guest.errors);
  });

  test("leaves a daemon: it is gone before the next run", async () => {
    const { answer, after, guest } = await runForked("leaves_daemon");
    await using _ = guest;
    const [record] = answer.records as { daemon: number }[];
    assert.equal(after, "ready");
    assert.ok(record !== undefined && record.daemon > 1);
    assert.throws(() => process.kill(record.daemon, 0), /ESRCH/);
  });

  for (const callable of ["lowers_limits", "shuts_down_errors"]) {
    test(`${callable} for the next run: there is none, the parent ends`, async () => {
      await using guest = open(callable, "fork");
      await guest.ready();
      guest.sendRun(1, {});
      assert.equal((await guest.answer()).end, "done");
      assert.equal(await guest.nextFrame(), null);
      assert.equal((await guest.ended).code, 70);
    });
  }

  test("has neither of the parent's streams", async () => {
    const { answer, guest } = await runForked("descriptors");
    await using _ = guest;
    const [record] = answer.records as { links: string[] }[];
    // Standard input (null), output and error (one stream), and the pipe to the parent.
    assert.equal(record?.links.filter((link) => link.startsWith("pipe:")).length, 1, record?.links.join());
  });

  test("cannot open the parent's memory, unless it is root", async () => {
    const { answer, guest } = await runForked("looks_at_parent");
    await using _ = guest;
    const [record] = answer.records as { parent: unknown }[];
    if (process.getuid?.() !== 0) assert.equal(record?.parent, 13);
  });

  // As in gVisor, /proc does not hide from root what a process has that is not dumpable.
  test("is none where it could open the parent's streams by their names", () => {
    const script = `
import os, socket, sys
sys.path.insert(0, sys.argv[1])
from whiskers.fork import prepare_to_fork
pair = socket.socketpair()
print(*(prepare_to_fork(streams) is not None for streams in ([one.fileno() for one in pair], os.pipe())))`;
    const folder = join(import.meta.dirname, "..");
    const { stdout } = spawnSync(interpreter ?? "python3", ["-c", script, folder], { encoding: "utf8" });
    assert.equal(stdout, process.getuid?.() === 0 ? "True False\n" : "True True\n");
  });

  test("finds nothing of the run before in its memory", async () => {
    await using guest = open("finds_earlier_run", "fork");
    const secret = "a secret of the run before";
    const reversed = secret.split("").reverse().join("");
    for (const [run, raw] of [secret, "harmless"].entries()) {
      await guest.ready();
      guest.sendRun(run + 1, { reversed }, [Buffer.from(raw)]);
      const [record] = (await guest.answer()).records as { found: number }[];
      // The first finds its own raw file: the search works.
      if (run === 0) assert.ok(record !== undefined && record.found > 0);
      else assert.equal(record?.found, 0);
    }
  });

  test("ends with its run while its parent is held up: the run has succeeded all the same", async () => {
    await using guest = open("thinks", "fork", { HOLDS_UP_PARENT: "1" });
    await guest.ready();
    guest.sendRun(1, {});
    assert.deepEqual((await guest.answer()).records, [{ n: 1 }]);
    await guest.ready();
  });

  test("makes standard error non-blocking: the next run has it as it was", async () => {
    await using guest = open("errors_block", "fork");
    await using other = open("nonblocking_errors", "fork");
    for (const each of [guest, other]) {
      for (const run of [1, 2]) {
        await each.ready();
        each.sendRun(run, {});
        const { records } = await each.answer();
        if (each === guest) assert.deepEqual(records, [{ blocks: true }]);
      }
    }
  });
});
