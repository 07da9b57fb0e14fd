import assert from "node:assert/strict";
import { suite, test } from "node:test";

import * as fc from "fast-check";

import { fillMemory, overwriteMemory, takeImage } from "./process/memory-image.ts";

const PAGES = 3;
const BYTES = PAGES * 65_536;
const writes = fc.array(
  fc.record({
    at: fc.nat(BYTES - 1),
    length: fc.oneof(fc.nat(4), fc.nat(BYTES)),
    value: fc.integer({ min: 0, max: 255 }),
  }),
  { maxLength: 8 },
);

suite("images of memory", () => {
  test("whatever a memory holds, overwritten it is as a new one of the image", () => {
    fc.assert(
      fc.property(writes, writes, (first, second) => {
        const memory = new WebAssembly.Memory({ initial: PAGES });
        const bytes = new Uint8Array(memory.buffer);
        const write = (all: typeof first): void => {
          for (const { at, length, value } of all) bytes.fill(value, at, at + length);
        };
        write(first);
        const before = bytes.slice();
        const image = takeImage(memory);
        assert.ok(image !== null);
        const other = new WebAssembly.Memory({ initial: PAGES });
        fillMemory(other, image);
        assert.ok(Buffer.from(other.buffer).equals(before));
        write(second);
        // The last byte, too.
        bytes[BYTES - 1] = 1 + (bytes[BYTES - 1] ?? 0);
        overwriteMemory(memory, image);
        assert.ok(Buffer.from(bytes).equals(before));
      }),
    );
  });
});
