import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { test } from "node:test";

import * as fc from "fast-check";

import { DEFAULT_LIMITS } from "../domain/limits.ts";
import type { Raw } from "../domain/raw.ts";
import type { Sandbox } from "./driver.ts";
import { encodeFrame, FRAME, FrameDecoder } from "./frames.ts";
import type { Frame } from "./frames.ts";
import { GuestLink } from "./guest-link.ts";
import type { RunEnd } from "./link.ts";
import { CollectingSink, META, openRig } from "./testing/rig.ts";

/** Kind, run, payload. */
type Said = readonly [kind: number, run: number, payload: string];

const READY: Said = [FRAME.ready, 0, '{"protocols":[1]}'];

function openLink(): { readonly link: GuestLink; readonly input: PassThrough; readonly output: PassThrough } {
  const [input, output, errors] = [new PassThrough(), new PassThrough(), new PassThrough()];
  const sandbox: Sandbox = {
    id: "memory",
    runtime: { driver: "memory", version: "test" },
    protections: [],
    input,
    output,
    errors,
    ended: new Promise(() => {}),
    signal: () => {},
    usage: () => Promise.resolve({ cpuMs: null, peakMemoryBytes: null }),
    close: () => Promise.resolve(),
  };
  return { link: new GuestLink(sandbox, DEFAULT_LIMITS), input, output };
}

function bytesOf(said: readonly Said[]): Buffer {
  return Buffer.concat(
    said.flatMap(([kind, run, payload]) => encodeFrame(kind as Frame["kind"], run, Buffer.from(payload))),
  );
}

/** How a run ends whose guest says these bytes, cut at these places, and then ends its stream. */
async function converse(
  bytes: Buffer,
  cuts: readonly number[] = [],
): Promise<{ end: RunEnd; output: string }> {
  const { link, output } = openLink();
  output.write(bytesOf([READY]));
  assert.equal((await link.opened).kind, "ready");
  const sink = new CollectingSink();
  const run = link.run({ meta: META, raws: [], sink });
  let start = 0;
  for (const cut of [...cuts.toSorted((a, b) => a - b), bytes.length]) {
    if (cut > start) output.write(bytes.subarray(start, cut));
    start = Math.max(start, cut);
  }
  output.end();
  return { end: await run, output: sink.text };
}

void test("where the stream is cut makes no difference", async () => {
  const bytes = bytesOf([
    [FRAME.log, 1, "x"],
    [FRAME.records, 1, "1\n2\n"],
    [FRAME.records, 1, "3"],
    [FRAME.done, 1, '{"records":3}'],
    [FRAME.ready, 0, "{}"],
  ]);
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat(bytes.length)), async (cuts) => {
      assert.deepEqual(await converse(bytes, cuts), { end: { kind: "done" }, output: "1\n2\n3" });
    }),
  );
});

const SAID: fc.Arbitrary<Said> = fc.tuple(
  fc.constantFrom<number>(...Object.values(FRAME)),
  fc.constantFrom(1, 1, 1, 1, 0, 2),
  fc.constantFrom("{}", "{}", '{"message":"m"}', '{"records":1}', "1\n", "", "[]"),
);

void test("any frames end as protocol/README.md says", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(SAID, { maxLength: 5 }), async (said) => {
      assert.equal((await converse(bytesOf(said))).end.kind, expectedEnd(said), JSON.stringify(said));
    }),
    { numRuns: 1000 },
  );
});

/** The host's machine from `running` on, told in another way. */
function expectedEnd(said: readonly Said[]): RunEnd["kind"] {
  let records = 0;
  let answer: "done" | "failed" | null = null;
  for (const [kind, run, payload] of said) {
    if (run !== (kind === FRAME.ready ? 0 : 1)) return "broken";
    if (answer !== null) return kind === FRAME.ready && payload.startsWith("{") ? answer : "broken";
    const isObject = payload.startsWith("{");
    if ((kind === FRAME.records || kind === FRAME.log) && payload !== "") {
      if (kind === FRAME.records) records += 1;
    } else if (kind === FRAME.done && isObject && (!payload.includes("records") || records === 1))
      answer = "done";
    else if (kind === FRAME.failed && payload.includes("message")) answer = "failed";
    else return "broken";
  }
  return answer ?? "gone";
}

void test("any bytes at all end the run, and nothing is thrown", async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (bytes) => {
      const { end } = await converse(Buffer.from(bytes));
      assert.ok(end.kind === "broken" || end.kind === "gone");
    }),
  );
});

void test("the host writes the run, its raws in order, and an empty raw frame", async () => {
  await using rig = openRig();
  const size = fc.constantFrom(0, 1, 1000, 65_536, 65_537, 300_000);
  await fc.assert(
    fc.asyncProperty(fc.array(size, { maxLength: 4 }), async (sizes) => {
      const raws = sizes.map((bytes, i) => rig.raw(Buffer.alloc(bytes, i + 1)));
      const { link, input, output } = openLink();
      output.write(bytesOf([READY]));
      await link.opened;
      const run = link.run({ meta: META, raws, sink: new CollectingSink() });
      const [first, ...rest] = await readRun(input);
      output.end(bytesOf([[FRAME.done, 1, "{}"]]));
      await run;
      assert.deepEqual(JSON.parse(first?.payload.toString() ?? ""), {
        protocol: 1,
        meta: META,
        raws: raws.map((raw) => ({ id: raw.id, size: raw.sizeBytes, mime_types: raw.mimeTypes })),
      });
      assert.equal(rest.at(-1)?.payload.length, 0);
      checkRaws(raws, rest.slice(0, -1));
    }),
    { numRuns: 30 },
  );
});

/** Frames up to the empty one. */
async function readRun(input: PassThrough): Promise<readonly Frame[]> {
  const decoder = new FrameDecoder("host");
  const frames: Frame[] = [];
  for await (const chunk of input as AsyncIterable<Buffer>) {
    for (const frame of decoder.push(chunk)) frames.push(frame);
    if (frames.at(-1)?.payload.length === 0) break;
  }
  return frames;
}

/** Every frame holds bytes of one file only, none is empty, none is missing. */
function checkRaws(raws: readonly Raw[], frames: readonly Frame[]): void {
  const received = frames.map(({ kind, run, payload }) => {
    assert.deepEqual([kind, run], [FRAME.raw, 1]);
    assert.ok(payload.length > 0 && payload.every((byte) => byte === payload[0]));
    return payload;
  });
  const expected = raws.flatMap((raw, i) => (raw.sizeBytes > 0 ? [[i + 1, raw.sizeBytes]] : []));
  const sums = new Map<number, number>();
  for (const payload of received) {
    sums.set(payload[0] ?? 0, (sums.get(payload[0] ?? 0) ?? 0) + payload.length);
  }
  assert.deepEqual([...sums], expected);
}

test("what a debugger says counts only where somebody debugs", async () => {
  const said: Said[] = [
    [FRAME.debugOut, 1, "(Pdb) "],
    [FRAME.done, 1, '{"records":0}'],
    [FRAME.debugOut, 1, "late"],
  ];
  const { end } = await converse(bytesOf(said));
  assert.deepEqual(end, {
    kind: "broken",
    code: "protocol-violation",
    message: "a `debug-out` frame when nobody was debugging it",
  });

  const { link, input, output } = openLink();
  output.write(bytesOf([READY]));
  await link.opened;
  const heard: string[] = [];
  const channel = {
    receive: (payload: Buffer) => heard.push(payload.toString()),
    attach: (send: (text: string) => void) => {
      send("c\n");
      output.end(bytesOf(said));
    },
  };
  const debugged = link.run({ meta: META, raws: [], sink: new CollectingSink(), debug: channel });
  assert.deepEqual(await debugged, { kind: "done" });
  assert.deepEqual(heard, ["(Pdb) ", "late"]);
  const frames = new FrameDecoder("host").push(input.read() as Buffer);
  const [run, raw, typed] = [...frames];
  assert.equal(JSON.parse(String(run?.payload))["debug"], true);
  assert.equal(raw?.kind, FRAME.raw);
  assert.deepEqual([typed?.kind, String(typed?.payload)], [FRAME.debugIn, "c\n"]);
});
