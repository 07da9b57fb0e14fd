import assert from "node:assert/strict";
import { once } from "node:events";
import { PassThrough } from "node:stream";
import { describe, it } from "node:test";

import * as fc from "fast-check";

import { demultiplex } from "./demultiplex.ts";

const STDOUT = 1;
const STDERR = 2;

function frame(type: number, payload: Buffer): Buffer {
  const header = Buffer.alloc(8);
  header.writeUInt8(type, 0);
  header.writeUInt32BE(payload.length, 4);
  return Buffer.concat([header, payload]);
}

async function readAll(stream: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

describe("the engine's frames", () => {
  it("become two streams, wherever they are cut", async () => {
    const frames = fc.array(
      fc.record({ type: fc.constantFrom(STDOUT, STDERR), payload: fc.uint8Array({ maxLength: 40 }) }),
    );
    await fc.assert(
      fc.asyncProperty(frames, fc.integer({ min: 1, max: 30 }), async (sent, pieceBytes) => {
        const source = new PassThrough();
        const { output, errors } = demultiplex(source);
        const read = Promise.all([readAll(output), readAll(errors)]);
        const bytes = Buffer.concat(sent.map(({ type, payload }) => frame(type, Buffer.from(payload))));
        for (let at = 0; at < bytes.length; at += pieceBytes)
          source.write(bytes.subarray(at, at + pieceBytes));
        source.end();
        const of = (wanted: number): Buffer =>
          Buffer.concat(
            sent.filter(({ type }) => type === wanted).map(({ payload }) => Buffer.from(payload)),
          );
        assert.deepEqual(await read, [of(STDOUT), of(STDERR)]);
      }),
    );
  });

  it("wait when nobody reads, and lose nothing", async () => {
    const source = new PassThrough();
    const { output, errors } = demultiplex(source);
    const payload = Buffer.alloc(50_000, "x");
    let waits = false;
    for (let count = 0; count < 40; count += 1) waits = !source.write(frame(STDOUT, payload)) || waits;
    await new Promise((resolve) => setImmediate(resolve));
    assert.ok(waits, "the source was told to wait");
    assert.ok(output.readableLength < 10 * payload.length, `${output.readableLength} bytes are held`);
    source.end();
    errors.resume();
    assert.equal((await readAll(output)).length, 40 * payload.length);
  });

  it("of a stream that there is not end both", async () => {
    const source = new PassThrough();
    const { output, errors } = demultiplex(source);
    source.on("error", () => {});
    source.write(Buffer.concat([frame(STDOUT, Buffer.from("good")), frame(9, Buffer.from("bad"))]));
    assert.deepEqual(await Promise.all([readAll(output), readAll(errors)]), [
      Buffer.from("good"),
      Buffer.alloc(0),
    ]);
  });

  it("of a container that ended before they are looked at end both", async () => {
    const source = new PassThrough();
    source.resume().end();
    await once(source, "end");
    const { output, errors } = demultiplex(source);
    assert.deepEqual(await Promise.all([readAll(output), readAll(errors)]), [
      Buffer.alloc(0),
      Buffer.alloc(0),
    ]);
  });

  it("that the engine breaks off end both", async () => {
    const source = new PassThrough();
    const { output, errors } = demultiplex(source);
    source.write(frame(STDERR, Buffer.from("last words")));
    source.write(Buffer.from([STDOUT, 0, 0]));
    source.destroy();
    const [said, complained] = await Promise.all([readAll(output), readAll(errors)]);
    assert.equal(said.length, 0);
    assert.ok(["", "last words"].includes(complained.toString()));
  });
});
