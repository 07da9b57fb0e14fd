/** What a component is given: nothing in it tells what an instance before did. */
import assert from "node:assert/strict";
import { suite, test } from "node:test";

import { createHost } from "./process/component/create-host.ts";
import { folder, memoryFile } from "./process/wasi/tree.ts";

interface Descriptor {
  readonly metadataHash: () => { readonly lower: bigint };
  readonly metadataHashAt: (flags: object, path: string) => { readonly lower: bigint };
}

suite("the host of a component", () => {
  test("numbers of files begin anew for each instance", () => {
    const shared = folder(null, [["a", memoryFile(new Uint8Array(), null)]]);
    const numbers = (names: readonly string[]): readonly bigint[] => {
      const root = rootOf(shared);
      return [root.metadataHash().lower, ...names.map((name) => root.metadataHashAt({}, name).lower)];
    };
    const first = numbers(["whiskers/a", "tmp", "whiskers/a"]);
    assert.equal(first[1], first[3]);
    assert.equal(new Set(first).size, 3);
    assert.deepEqual(numbers(["tmp", "whiskers/a", "tmp"]), first);
  });
});

function rootOf(shared: ReturnType<typeof folder>): Descriptor {
  const print = (): void => {};
  const host = createHost({ env: {}, shared, files: [], tmpBytes: 1024, openFiles: 16, print, output: {} });
  const { getDirectories } = host["wasi:filesystem/preopens"] as {
    readonly getDirectories: () => readonly [readonly [Descriptor, string]];
  };
  return getDirectories()[0][0];
}
