import assert from "node:assert/strict";
import { readFileSync, truncateSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";

import type { Limits } from "../domain/limits.ts";
import type { RunResult } from "../domain/outcome.ts";
import { WhiskersError } from "../errors.ts";
import type { ErrorCode } from "../errors.ts";
import { openRig, plainGuest, pythonGuest } from "./testing/rig.ts";

/** Fails unless the outcome is as said and no process of ours is left. */
function check(result: RunResult, code: ErrorCode | "succeeded", message?: RegExp): void {
  const { outcome } = result;
  assert.equal(outcome.status === "failed" ? outcome.code : "succeeded", code, JSON.stringify(outcome));
  if (message !== undefined) assert.match(outcome.status === "failed" ? outcome.message : "", message);
}

void test("a guest's records, logs and printed lines arrive", async () => {
  await using rig = openRig();
  const guest = pythonGuest(`
ready(); run, raw = take()
print("printed", file=sys.stderr)
send(LOG, run, {"level": "warning", "message": "two\\nlines \\x1b[31m"})
send(RECORDS, run, json.dumps({"raw": raw.decode()}).encode() + b"\\n")
send(DONE, run, {"records": 1})
`);
  const result = await rig.run(guest, { raws: [rig.raw("a"), rig.raw(""), rig.raw("bc")] });
  check(result, "succeeded");
  assert.equal(result.output, '{"raw": "abc"}\n');
  assert.deepEqual(
    result.logs.toSorted((a, b) => a.message.localeCompare(b.message)),
    [
      { level: "warning", message: "lines \\x1B[31m", source: "log" },
      { level: "info", message: "printed", source: "stderr" },
      { level: "warning", message: "two", source: "log" },
    ],
  );
  assert.equal(rig.driver.livingIds.size, 0);
  assert.ok(result.timingsMs.open > 0 && result.timingsMs.run > 0);
});

interface Case {
  readonly name: string;
  readonly code: ErrorCode | "succeeded";
  readonly message?: RegExp;
  readonly guest: string;
  readonly limits?: Partial<Limits>;
}

const BROKEN: readonly Case[] = [
  {
    name: "speaks no frames",
    code: "protocol-violation",
    message: /kind 0x/,
    guest: `write(b"\\0\\0\\0\\1hello, world")`,
  },
  {
    name: "a giant length",
    code: "protocol-violation",
    message: /4294967295 bytes/,
    guest: `write(b"\\xff"*4 + b"\\x10" + b"\\0"*4); time.sleep(9)`,
  },
  {
    name: "larger than its own frame limit",
    code: "protocol-violation",
    message: /at most 1024/,
    guest: `run = start(); send(RECORDS, run, b"1"*1025)`,
    limits: { frameBytes: 1024 },
  },
  { name: "a kind of the host", code: "protocol-violation", guest: `send(RAW, 0)` },
  { name: "an unknown kind", code: "protocol-violation", guest: `run = start(); send(0x15, run)` },
  {
    name: "a foreign run",
    code: "protocol-violation",
    message: /of run 2 instead of 1/,
    guest: `run = start(); send(RECORDS, run + 1, b"1\\n"); time.sleep(9)`,
  },
  {
    name: "ready with a run number",
    code: "protocol-violation",
    guest: `send(READY, 1, {"protocols": [1]})`,
  },
  { name: "records before ready", code: "protocol-violation", guest: `send(RECORDS, 0, b"1\\n")` },
  { name: "done before ready", code: "protocol-violation", guest: `send(DONE, 0, {})` },
  { name: "ready without protocols", code: "protocol-violation", guest: `send(READY, 0, {})` },
  { name: "ready that is a list", code: "protocol-violation", guest: `send(READY, 0, b"[]")` },
  {
    name: "ready with models that there are not",
    code: "protocol-violation",
    guest: `send(READY, 0, {"protocols": [1], "models": "mine"})`,
  },
  {
    name: "ready with wrong protocols",
    code: "protocol-violation",
    guest: `send(READY, 0, {"protocols": ["1"]})`,
  },
  {
    name: "ready that is not UTF-8",
    code: "protocol-violation",
    message: /not UTF-8/,
    guest: `send(READY, 0, b'{"protocols": [1], "x": "\\xff"}')`,
  },
  { name: "ready with NUL", code: "protocol-violation", guest: `send(READY, 0, b"\\0")` },
  {
    name: "another version",
    code: "protocol-version",
    message: /2, 3/,
    guest: `send(READY, 0, {"protocols": [2, 3]})`,
  },
  { name: "ready while running", code: "protocol-violation", guest: `run = start(); ready(); time.sleep(9)` },
  {
    name: "two readies",
    code: "protocol-violation",
    guest: `write(frame(READY, 0, {"protocols": [1]}) * 2); time.sleep(9)`,
  },
  {
    name: "records after done",
    code: "protocol-violation",
    message: /answered already/,
    guest: `run = start(); write(frame(DONE, run, {}) + frame(RECORDS, run, b"1\\n")); time.sleep(9)`,
  },
  {
    name: "done twice",
    code: "protocol-violation",
    guest: `run = start(); send(DONE, run, {}); send(DONE, run, {}); time.sleep(9)`,
  },
  {
    name: "failed after done",
    code: "protocol-violation",
    guest: `run = start(); send(DONE, run, {}); send(FAILED, run, {"type": "E", "message": "m"}); time.sleep(9)`,
  },
  {
    name: "done that is not an object",
    code: "protocol-violation",
    guest: `run = start(); send(DONE, run, b"null")`,
  },
  { name: "done without payload", code: "protocol-violation", guest: `run = start(); send(DONE, run)` },
  {
    name: "done with too few records",
    code: "protocol-violation",
    message: /counts 2 records, and 1 arrived/,
    guest: `run = start(); send(RECORDS, run, b"1\\n"); send(DONE, run, {"records": 2})`,
  },
  {
    name: "done with records that are no count",
    code: "protocol-violation",
    guest: `run = start(); send(DONE, run, {"records": -1})`,
  },
  {
    name: "done that is too large",
    code: "protocol-violation",
    guest: `run = start(); send(DONE, run, {"x": "x" * 65536})`,
  },
  {
    name: "done that is deep",
    code: "protocol-violation",
    guest: `run = start(); send(DONE, run, b"[" * 65536)`,
  },
  {
    name: "failed without message",
    code: "protocol-violation",
    guest: `run = start(); send(FAILED, run, {"type": "E"})`,
  },
  {
    name: "failed with reason load in a run",
    code: "protocol-violation",
    guest: `run = start(); send(FAILED, run, {"type": "E", "message": "", "reason": "load"})`,
  },
  { name: "an empty records frame", code: "protocol-violation", guest: `run = start(); send(RECORDS, run)` },
  { name: "an empty log frame", code: "protocol-violation", guest: `run = start(); send(LOG, run)` },
  {
    name: "ready before it read its raw",
    code: "protocol-violation",
    message: /raw files/,
    guest: `ready(); run, _ = take_run(); send(DONE, run, {}); ready(); time.sleep(9)`,
  },
  {
    name: "the end inside a header",
    code: "normalizer-crashed",
    guest: `run = start(); write(b"\\0\\0\\0")`,
  },
  {
    name: "the end inside a payload",
    code: "normalizer-crashed",
    guest: `run = start(); write(frame(RECORDS, run, b"1" * 100)[:50])`,
  },

  {
    name: "exit 0 before ready",
    code: "normalizer-crashed",
    message: /ended with status 0 before it said that it was done/,
    guest: ``,
  },
  {
    name: "exit 0 without done",
    code: "normalizer-crashed",
    message: /ended with status 0 before it said that it was done/,
    guest: `run = start()`,
  },
  {
    name: "exit 3 with last words",
    code: "normalizer-crashed",
    message: /status 3 .*last words: oh \\x1Bno/,
    guest: `run = start(); sys.stderr.write("oh \\x1bno"); sys.stderr.flush(); os._exit(3)`,
  },
  {
    name: "exit 137",
    code: "normalizer-crashed",
    message: /status 137 \(SIGKILL\)/,
    guest: `run = start(); os._exit(137)`,
  },
  {
    name: "a signal",
    code: "normalizer-crashed",
    message: /SIGSEGV/,
    guest: `run = start(); os.kill(os.getpid(), signal.SIGSEGV)`,
  },
  {
    name: "fills V8's heap",
    code: "memory-limit",
    message: /JavaScript heap/,
    guest: `
run = start()
sys.stderr.write("FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory\\n")
sys.stderr.write("----- Native stack trace -----\\n"); sys.stderr.flush()
os.abort()`,
  },
  {
    name: "closes its output and lives",
    code: "normalizer-crashed",
    message: /closed its output/,
    guest: `run = start(); os.close(1); time.sleep(9)`,
  },

  {
    name: "raises",
    code: "normalizer-raised",
    message: /^ValueError: no nmap \\x07file$/,
    guest: `run = start(); send(FAILED, run, {"type": "ValueError", "message": "no nmap \\x07file", "stack": "a\\nb"})`,
  },
  {
    name: "runs out of memory by its own word",
    code: "memory-limit",
    guest: `run = start(); send(FAILED, run, {"type": "MemoryError", "message": "", "reason": "memory"})`,
  },
  {
    name: "cannot be loaded",
    code: "normalizer-load-failed",
    message: /No module named 'x'/,
    guest: `send(FAILED, 0, {"type": "ImportError", "message": "No module named 'x'", "reason": "load"})`,
  },
  {
    name: "does not get ready",
    code: "time-limit",
    message: /not ready within 200 ms/,
    guest: `time.sleep(9)`,
    limits: { startMs: 200 },
  },
  {
    name: "loops for ever",
    code: "time-limit",
    message: /not done within 150 ms/,
    guest: `run = start()\nwhile True: pass`,
    limits: { wallMs: 150 },
  },
  {
    name: "ignores SIGTERM",
    code: "time-limit",
    guest: `signal.signal(signal.SIGTERM, signal.SIG_IGN); run = start()\nwhile True: time.sleep(9)`,
    limits: { wallMs: 150 },
  },
  {
    name: "floods while it is ended",
    code: "time-limit",
    guest: `signal.signal(signal.SIGTERM, signal.SIG_IGN); run = start(); time.sleep(0.1)\nwhile True: send(RECORDS, run, b"1\\n" * 1000)`,
    limits: { wallMs: 120, outputBytes: 2 ** 40, records: 2 ** 40 },
  },
  {
    name: "too many bytes",
    code: "output-limit",
    message: /1000 bytes/,
    guest: `run = start()\nwhile True: send(RECORDS, run, b'"0123456789"\\n')`,
    limits: { outputBytes: 1000 },
  },
  {
    name: "too many records",
    code: "output-limit",
    message: /10 records/,
    guest: `run = start()\nwhile True: send(RECORDS, run, b"1\\n2\\n3")`,
    limits: { records: 10 },
  },
  {
    name: "a flood of log frames",
    code: "log-limit",
    guest: `run = start()\nwhile True: send(LOG, run, {"level": "info", "message": "x" * 1000})`,
    limits: { logFloodBytes: 100_000 },
  },
  {
    name: "a flood on standard error",
    code: "log-limit",
    guest: `run = start()\nwhile True: os.write(2, b"\\n" * 1000)`,
    limits: { logFloodBytes: 100_000 },
  },
  {
    name: "a flood on standard error before ready",
    code: "log-limit",
    guest: `while True: os.write(2, b"x" * 1000)`,
    limits: { logFloodBytes: 100_000 },
  },

  {
    name: "exits late after done",
    code: "succeeded",
    guest: `run = start(); send(DONE, run, {}); time.sleep(0.05)`,
  },
  {
    name: "does not exit after done",
    code: "succeeded",
    guest: `run = start(); send(DONE, run, {}); time.sleep(9)`,
  },
  {
    name: "exits with a status after done",
    code: "succeeded",
    guest: `run = start(); send(DONE, run, {}); os._exit(3)`,
  },
  {
    name: "done with unknown keys, records exact, last line without end",
    code: "succeeded",
    guest: `run = start(); send(RECORDS, run, b"1\\n2"); send(DONE, run, {"records": 2, "x": 1})`,
  },
  {
    name: "byte by byte",
    code: "succeeded",
    guest: `run = start()\nfor b in frame(RECORDS, run, b"1\\n") + frame(DONE, run, {"records": 1}): write(bytes([b]))`,
  },
  {
    name: "done without reading its raw, then exit",
    code: "succeeded",
    guest: `ready(); run, _ = take_run(); send(DONE, run, {})`,
  },
];

for (const { name, code, message, guest, limits } of BROKEN) {
  void test(`a guest that ${name}: ${code}`, { timeout: 10_000 }, async () => {
    await using rig = openRig();
    const large = rig.raw(Buffer.alloc(1024 * 1024));
    const raws = guest.includes("take_run") ? [large] : [rig.raw("raw")];
    const startedAtMs = performance.now();
    const result = await rig.run(pythonGuest(guest), { limits: { ...limits }, raws });
    check(result, code, message);
    assert.ok(performance.now() - startedAtMs < 4000, "took too long");
    assert.equal(rig.driver.livingIds.size, 0);
    if (name === "raises" && result.outcome.status === "failed") {
      assert.deepEqual(result.outcome.guestError, {
        type: "ValueError",
        message: "no nmap \\x07file",
        stack: "a\nb",
      });
    }
  });
}

void test("a daemon that got away with the streams holds nobody up", { timeout: 10_000 }, async () => {
  for (const [answer, code] of [
    ["send(DONE, run, {})", "succeeded"],
    ["pass", "normalizer-crashed"],
  ] as const) {
    await using rig = openRig();
    const pidFile = path.join(rig.folder, "pid");
    const guest = pythonGuest(`
run = start()
if os.fork() == 0:
    os.setsid()
    with open(${JSON.stringify(pidFile)}, "w") as f: f.write(str(os.getpid()))
    time.sleep(20)
    os._exit(0)
while not os.path.exists(${JSON.stringify(pidFile)}) or not open(${JSON.stringify(pidFile)}).read(): time.sleep(0.01)
${answer}
`);
    const startedAtMs = performance.now();
    const result = await rig.run(guest);
    process.kill(Number(readFileSync(pidFile, "utf8")), "SIGKILL");
    check(result, code);
    assert.ok(performance.now() - startedAtMs < 3000);
  }
});

void test("the kernel's word on memory goes before the guest's", async () => {
  const failing = `run = start(); send(FAILED, run, {"type": "OSError", "message": "child died"}); os._exit(1)`;
  for (const code of [failing, `run = start(); os._exit(137)`, `os._exit(1)`]) {
    await using rig = openRig({ mapEnding: (ending) => ({ ...ending, outOfMemory: true }) });
    check(await rig.run(pythonGuest(code)), "memory-limit");
  }
});

void test("what fails the runtime is thrown, not blamed on the guest", async () => {
  await using rig = openRig({ mapEnding: (ending) => ({ ...ending, runtimeError: "no namespaces" }) });
  await assert.rejects(rig.run(pythonGuest("os._exit(1)")), (error: unknown) => {
    assert.ok(error instanceof WhiskersError);
    assert.equal(error.code, "sandbox-failed");
    assert.match(error.message, /no namespaces/);
    return true;
  });
});

void test("a driver that does not get a sandbox open is the platform's trouble", async () => {
  await using rig = openRig({ openDelayMs: 300 });
  const run = rig.run(pythonGuest("start()"), { limits: { startMs: 50 } });
  await assert.rejects(run, { code: "sandbox-failed" });
  await rig.pool.close();
  assert.equal(rig.driver.opened.length, 1);
  assert.equal(rig.driver.livingIds.size, 0);
});

void test("a raw file that changed is the platform's trouble", async () => {
  await using rig = openRig();
  const guest = pythonGuest(`run = start(); send(DONE, run, {})`);
  for (const size of [10, 1024 * 1024]) {
    const raw = rig.raw(Buffer.alloc(size));
    for (const newSize of [size - 1, size + 1]) {
      truncateSync(raw.path, newSize);
      await assert.rejects(rig.run(guest, { raws: [raw] }), { code: "input-unreadable" });
    }
    await assert.rejects(rig.run(guest, { raws: [{ ...raw, path: "/nonexistent" }] }), {
      code: "input-unreadable",
    });
  }
  assert.equal(rig.driver.livingIds.size, 0);
});

void test("what the sink throws ends the run and is thrown", async () => {
  await using rig = openRig();
  const guest = pythonGuest(`run = start(); send(RECORDS, run, b"1\\n"); time.sleep(9)`);
  const trouble = new WhiskersError("internal", "sink");
  const fail = (): never => {
    throw trouble;
  };
  const sink = { push: fail, pushPlain: fail, endPlain: fail };
  await assert.rejects(rig.run(guest, { sink }), trouble);
  await assert.rejects(rig.run(plainGuest("echo", "1"), { sink }), trouble);
  assert.equal(rig.driver.livingIds.size, 0);
});

void test("records are read while a raw file is written, in any order", { timeout: 20_000 }, async () => {
  await using rig = openRig();
  const raws = [rig.raw(Buffer.alloc(3_000_000, "a"))];
  const outputFirst = pythonGuest(`
ready(); run, _ = take_run()
for _ in range(100): send(RECORDS, run, b'"' + b"x" * 100000 + b'"\\n')
raw = take_raws()
send(DONE, run, {"records": 100}) if len(raw) == 3000000 else None
`);
  const result = await rig.run(outputFirst, { raws });
  check(result, "succeeded");
  assert.equal(result.output.length, 100 * 100_003);
});

void test("the plain form", async () => {
  await using rig = openRig();
  const ok = await rig.run(plainGuest("sh", "-c", `cat; cat "$WHISKERS_META" >&2`), {
    raws: [rig.raw('{"a":1}\n')],
  });
  check(ok, "succeeded");
  assert.equal(ok.output, '{"a":1}\n');
  assert.match(ok.logs[0]?.message ?? "", /"normalizer":/);
  check(
    await rig.run(plainGuest("sh", "-c", "echo first >&2; echo last >&2; exit 5")),
    "normalizer-raised",
    /status 5; its last words: last/,
  );
  check(await rig.run(plainGuest("sh", "-c", "kill -9 $$")), "normalizer-crashed", /SIGKILL/);
  check(
    await rig.run(plainGuest("head", "-c", "1"), { raws: [rig.raw(Buffer.alloc(5_000_000, "1"))] }),
    "succeeded",
  );
  check(await rig.run(plainGuest("true"), { raws: [rig.raw(Buffer.alloc(5_000_000))] }), "succeeded");
  check(await rig.run(plainGuest("yes"), { limits: { outputBytes: 1_000_000 } }), "output-limit");
  check(
    await rig.run(plainGuest("yes"), { limits: { wallMs: 100, outputBytes: 2 ** 45 }, sink: NULL_SINK }),
    "time-limit",
  );
  check(
    await rig.run(plainGuest("sh", "-c", "echo 1; echo 2; echo 3"), { limits: { records: 2 } }),
    "output-limit",
  );
  check(
    await rig.run(plainGuest("sh", "-c", "yes >&2"), { limits: { logFloodBytes: 100_000 } }),
    "log-limit",
  );
  check(await rig.run(plainGuest("sleep", "9"), { limits: { wallMs: 100 } }), "time-limit");
  await assert.rejects(rig.run(plainGuest("cat"), { raws: [] }), { code: "usage" });
  await assert.rejects(rig.run(plainGuest("/nonexistent")), { code: "sandbox-failed" });
  assert.equal(rig.driver.livingIds.size, 0);
});

const NULL_SINK = { push: () => {}, pushPlain: () => {}, endPlain: () => 0 };

void test("200 MB stream through without being held", { timeout: 60_000 }, async () => {
  await using rig = openRig();
  const raw = { ...rig.raw(""), sizeBytes: 200_000_000 };
  truncateSync(raw.path, raw.sizeBytes);
  const guest = pythonGuest(`
ready(); run, _ = take_run(); total = 0
while True:
    kind, _, payload = receive()
    if not payload: break
    total += len(payload)
    send(RECORDS, run, b'"' + payload[:1000].replace(b"\\0", b"0") + b'"\\n')
send(DONE if total == 200000000 else LOG, run, {})
`);
  const beforeBytes = process.memoryUsage.rss();
  let peakBytes = 0;
  const sink = {
    ...NULL_SINK,
    push: () => {
      peakBytes = Math.max(peakBytes, process.memoryUsage.rss());
    },
  };
  check(await rig.run(guest, { raws: [raw], sink }), "succeeded");
  const grownMiB = (peakBytes - beforeBytes) / 2 ** 20;
  assert.ok(grownMiB < 64, `grew by ${grownMiB} MiB`);
});
