import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { describe, test } from "node:test";

import type { StatePolicy } from "../../../src/domain/package.ts";
import { encodeFrame, FRAME, FrameDecoder } from "../../../src/sandbox/frames.ts";
import type { Frame } from "../../../src/sandbox/frames.ts";
import { GuestProcess } from "../../test/guest-process.ts";
import type { Answer } from "../../test/guest-process.ts";
import { serve } from "../serve.ts";
import { javascriptGuest } from "./javascript-guest.ts";

const FOLDER = join(import.meta.dirname, "nasty-normalizer");

interface Ended extends Answer {
  readonly errors: string;
  readonly code: number | null;
}

async function runOnce(name: string, state: StatePolicy = "fresh"): Promise<Ended> {
  const { argv, env } = javascriptGuest(FOLDER, state, "normalize.ts", name);
  await using guest = new GuestProcess(argv, env);
  await guest.ready();
  guest.sendRun(1, { some: "input" }, [Buffer.from("raw")]);
  const answer = await guest.answer();
  guest.closeInput();
  while ((await guest.nextFrame()) !== null);
  const { code } = await guest.ended;
  return { ...answer, code, errors: guest.errors };
}

describe("what a normalizer returns", { timeout: 60_000 }, () => {
  const two = [{ n: 1 }, { n: 2 }];
  const cases: readonly (readonly [string, readonly unknown[]])[] = [
    ["gives", [{ input: { some: "input" } }]],
    ["none", []],
    ["single", [{ n: 1 }]],
    ["list", two],
    ["later", two],
    ["sync", two],
    ["async", two],
  ];
  for (const [name, records] of cases) {
    test(name, async () => {
      const answer = await runOnce(name);
      assert.deepEqual([answer.end, answer.records], ["done", records], JSON.stringify(answer.payload));
    });
  }
  const wrong: readonly (readonly [string, RegExp])[] = [
    ["text", /gave a string instead of records/],
    ["nothing", /record 1 cannot be written as JSON: .*not undefined/],
    ["bigint", /record 0 cannot be written as JSON: .*BigInt/],
    ["huge", /record 1 does not fit into a frame/],
  ];
  for (const [name, message] of wrong) {
    test(`refused: ${name}`, async () => {
      const answer = await runOnce(name);
      assert.equal(answer.end, "failed");
      assert.match(String(answer.payload["message"]), message);
    });
  }
});

describe("how a run may end", { timeout: 60_000 }, () => {
  test("an exception: type, message, the normalizer's own stack, and its cause", async () => {
    const { payload, code } = await runOnce("raises");
    assert.deepEqual(
      [payload["type"], payload["message"], payload["reason"], code],
      ["RangeError", "wrapped", "raised", 0],
    );
    const stack = String(payload["stack"]);
    assert.match(stack, /normalize\.ts:\d+/);
    assert.match(stack, /Caused by: Error: ENOENT/);
    assert.doesNotMatch(stack, /typescript\/guest\.ts/);
  });
  test("something thrown that is no error", async () => {
    assert.equal((await runOnce("throwsText")).payload["message"], "threw only text");
  });
  test("an error whose fields are not text", async () => {
    const { payload } = await runOnce("liesInItsError");
    assert.deepEqual([payload["type"], payload["message"]], ["5", "[object Object]"]);
  });
  test("process.exit(0) before the end is a failure", async () => {
    const answer = await runOnce("exits");
    assert.deepEqual([answer.end, answer.payload["type"]], ["failed", "Exit"]);
    assert.match(String(answer.payload["message"]), /called process\.exit\(0\)/);
    assert.deepEqual(answer.records, [{ before: true }]);
  });
  test("a promise that nothing settles", async () => {
    const answer = await runOnce("waitsForEver", "reuse");
    assert.deepEqual([answer.end, answer.payload["type"]], ["failed", "NeverSettled"]);
  });
  for (const name of ["rejectsAside", "throwsAside"]) {
    test(`${name}: a failure at once, and the end of the guest`, async () => {
      const answer = await runOnce(name, "reuse");
      assert.deepEqual([answer.end, answer.payload["type"], answer.code], ["failed", "TypeError", 1]);
    });
  }
  test("an allocation that does not fit", async () => {
    const { payload } = await runOnce("allocates");
    assert.match(String(payload["type"]), /RangeError/);
  });
  test("an export that is missing", async () => {
    const { argv, env } = javascriptGuest(FOLDER, "fresh", "normalize.ts", "missing");
    await using guest = new GuestProcess(argv, env);
    const frame = await guest.nextFrame();
    assert.deepEqual([frame?.kind, frame?.run], [FRAME.failed, 0]);
    assert.match(frame?.payload.toString() ?? "", /exports no function missing.*"reason":"load"/);
    assert.equal((await guest.ended).code, 1);
  });
  test("the log of console, standard output and children", async () => {
    const answer = await runOnce("prints");
    assert.equal(answer.end, "done", JSON.stringify(answer.payload));
    for (const printed of ["of console", "of stdout", "of a child"])
      assert.ok(answer.errors.includes(printed), printed);
    assert.deepEqual(answer.logs, [{ level: "warning", message: "of log" }]);
  });
});

test("serve: the same guest over two streams", { timeout: 20_000 }, async () => {
  const input = new PassThrough();
  const output = new PassThrough();
  const served = serve(input, output, {
    folder: FOLDER,
    entrypoint: "normalize.ts:sync",
    dependencies: null,
    state: "reuse",
  });
  for (const run of [1, 2]) {
    const request = Buffer.from(JSON.stringify({ protocol: 1, meta: {}, raws: [] }));
    for (const part of encodeFrame(FRAME.run, run, request)) input.write(part);
    for (const part of encodeFrame(FRAME.raw, run, Buffer.alloc(0))) input.write(part);
  }
  input.end();
  assert.equal(await served, true);
  output.end();
  const decoder = new FrameDecoder("guest");
  const frames: Frame[] = [];
  const chunks: AsyncIterable<Buffer> = output;
  for await (const chunk of chunks) frames.push(...decoder.push(chunk));
  const { ready, records, done } = FRAME;
  assert.deepEqual(
    frames.map(({ kind, run }) => [kind, run]),
    [
      [ready, 0],
      [records, 1],
      [done, 1],
      [ready, 0],
      [records, 2],
      [done, 2],
      [ready, 0],
    ],
  );
});
