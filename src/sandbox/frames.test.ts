import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import * as fc from "fast-check";

import { encodeFrame, FRAME, FRAME_PAYLOAD_MAX_BYTES, FrameDecoder, FrameError } from "./frames.ts";
import type { Frame, FrameKind } from "./frames.ts";

interface StreamVector {
  readonly name: string;
  readonly bytes: string;
  readonly frames: readonly { readonly kind: number; readonly run: number; readonly payload: string }[];
  readonly error: string | null;
}

const VECTORS: readonly StreamVector[] = JSON.parse(
  readFileSync(join(import.meta.dirname, "../../protocol/vectors/guest-streams.json"), "utf8"),
);

for (const vector of VECTORS) {
  test(`vector: ${vector.name}`, () => {
    const bytes = Buffer.from(vector.bytes, "hex");
    for (let pieceBytes = 1; pieceBytes <= bytes.length + 1; pieceBytes += 1) {
      const result = decode(pieces(bytes, pieceBytes));
      assert.deepEqual(result.frames.map(inHex), vector.frames, `in pieces of ${pieceBytes}`);
      assert.equal(result.error, vector.error, `in pieces of ${pieceBytes}`);
    }
  });
}

test("what is encoded is decoded, however it is cut", () => {
  const kinds = [FRAME.ready, FRAME.records, FRAME.log, FRAME.done, FRAME.failed] as const;
  const frame = fc.record({
    kind: fc.constantFrom<FrameKind>(...kinds),
    run: fc.nat(0xffff_ffff),
    payload: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
  });
  fc.assert(
    fc.property(fc.array(frame), fc.integer({ min: 1, max: 400 }), (frames, pieceBytes) => {
      const bytes = Buffer.concat(
        frames.flatMap(({ kind, run, payload }) => encodeFrame(kind, run, payload)),
      );
      const result = decode(pieces(bytes, pieceBytes));
      assert.equal(result.error, null);
      assert.deepEqual(result.frames.map(inHex), frames.map(inHex));
    }),
  );
});

test("an error is reported again and again, and nothing is decoded after it", () => {
  const decoder = new FrameDecoder("guest");
  const good = Buffer.concat(encodeFrame(FRAME.ready, 0, Buffer.from("{}")));
  assert.throws(() => [...decoder.push(Buffer.from("ffffffff10", "hex"))], FrameError);
  assert.throws(() => [...decoder.push(good)], FrameError);
  assert.throws(() => {
    decoder.end();
  }, FrameError);
});

test("a lower limit than the protocol's is kept, a higher one is not", () => {
  const frame = Buffer.concat(encodeFrame(FRAME.records, 1, Buffer.alloc(101)));
  assert.throws(() => [...new FrameDecoder("guest", 100).push(frame)], /101 bytes; at most 100/);
  assert.equal([...new FrameDecoder("guest", 101).push(frame)].length, 1);
  assert.throws(() => [...new FrameDecoder("guest", 2 ** 31).push(Buffer.from("0100000111", "hex"))]);
});

test("what cannot be a frame is not encoded", () => {
  assert.throws(() => encodeFrame(FRAME.raw, 1, Buffer.alloc(FRAME_PAYLOAD_MAX_BYTES + 1)), RangeError);
  assert.throws(() => encodeFrame(FRAME.raw, 2 ** 32, Buffer.alloc(0)), RangeError);
  assert.throws(() => encodeFrame(FRAME.raw, -1, Buffer.alloc(0)), RangeError);
});

test("a payload is not copied when it is encoded, nor when it lies in one chunk", () => {
  const payload = Buffer.from("payload");
  assert.equal(encodeFrame(FRAME.raw, 1, payload)[1], payload);
  const chunk = Buffer.concat(encodeFrame(FRAME.log, 1, payload));
  const [frame] = new FrameDecoder("guest").push(chunk);
  assert.equal(frame?.payload.buffer, chunk.buffer);
});

test("a payload of the highest length in small pieces takes linear time", { timeout: 20_000 }, () => {
  const [header, payload] = encodeFrame(FRAME.records, 1, Buffer.alloc(FRAME_PAYLOAD_MAX_BYTES, "x"));
  assert.ok(header !== undefined && payload !== undefined);
  const result = decode([Buffer.from(header), ...pieces(Buffer.from(payload), 512)]);
  assert.equal(result.error, null);
  assert.equal(result.frames[0]?.payload.length, FRAME_PAYLOAD_MAX_BYTES);
});

function decode(chunks: readonly Buffer[]): { readonly frames: Frame[]; readonly error: string | null } {
  const decoder = new FrameDecoder("guest");
  const frames: Frame[] = [];
  try {
    for (const chunk of chunks) for (const frame of decoder.push(chunk)) frames.push(frame);
    decoder.end();
    return { frames, error: null };
  } catch (error) {
    assert.ok(error instanceof FrameError);
    return { frames, error: error.reason };
  }
}

function pieces(bytes: Buffer, pieceBytes: number): Buffer[] {
  return Array.from({ length: Math.ceil(bytes.length / pieceBytes) }, (_, at) =>
    bytes.subarray(at * pieceBytes, (at + 1) * pieceBytes),
  );
}

function inHex({ kind, run, payload }: Frame): StreamVector["frames"][number] {
  return { kind, run, payload: payload.toString("hex") };
}
