/** The files of an instance, and the room that they take. */
import assert from "node:assert/strict";
import { suite, test } from "node:test";

import { Quota, addEntry, folder, lookUp, memoryFile, resize, use, writeAt } from "./process/wasi/tree.ts";
import type { Folder, MemoryFile } from "./process/wasi/tree.ts";

const MiB = 1024 * 1024;
const PIECE = new Uint8Array(65_536);

suite("/tmp", () => {
  test("is as large as its limit for a file that grows little by little", () => {
    const tmp = folder(new Quota(MiB));
    assert.equal(fill(fileIn(tmp, "a")), MiB - PIECE.length);
  });

  test("has the room again that a file had before it was cut", () => {
    const tmp = folder(new Quota(MiB));
    const first = fileIn(tmp, "a");
    const size = fill(first);
    resize(first, 10);
    assert.equal(fill(fileIn(tmp, "b")), size);
    // What is behind its end is zero when it grows again.
    resize(first, 5);
    resize(first, 100);
    assert.deepEqual([...first.bytes.subarray(0, 7)], [1, 1, 1, 1, 1, 0, 0]);
  });
});

function fileIn(tmp: Folder, name: string): MemoryFile {
  const file = memoryFile(new Uint8Array(), tmp.quota);
  addEntry(lookUp(tmp, name), file);
  use(file);
  return file;
}

/** Appends until there is no room. Returns its size. */
function fill(file: MemoryFile): number {
  for (;;) {
    try {
      writeAt(file, PIECE.fill(1), file.size);
    } catch {
      return file.size;
    }
  }
}
