import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, suite, test } from "node:test";

import * as fc from "fast-check";

import { listTree } from "../../../test/fixtures/list-tree.ts";
import { layerArchive } from "./layer-archive.ts";

interface Item {
  readonly name: readonly string[];
  readonly content: string | null;
  readonly executable: boolean;
}

const segment = fc.oneof(
  fc.stringMatching(/^[a-z][a-z0-9._-]{0,8}$/u),
  fc.constantFrom("é", "日本", "a b", "=x", "-", "x".repeat(99), "y".repeat(180), "\u{1f409}".repeat(20)),
);
const items: fc.Arbitrary<readonly Item[]> = fc.uniqueArray(
  fc.record({
    name: fc.array(segment, { minLength: 1, maxLength: 4 }),
    content: fc.option(fc.string({ maxLength: 2000 }), { nil: null }),
    executable: fc.boolean(),
  }),
  { maxLength: 12, selector: ({ name }) => name.join("/") },
);

suite("layerArchive", () => {
  let root = "";
  let count = 0;
  before(() => {
    root = mkdtempSync(path.join(tmpdir(), "whiskers-layer-"));
  });
  after(() => {
    rmSync(root, { recursive: true, force: true });
  });

  test("the same files are the same bytes, whatever their times, order, umask, and other bits; tar unpacks them", async () => {
    await fc.assert(
      fc.asyncProperty(items, fc.integer({ min: 1, max: 1_900_000_000 }), async (tree, seconds) => {
        const one = makeTree(path.join(root, `${(count += 1)}`), tree, 0o022, 0);
        const two = makeTree(path.join(root, `${(count += 1)}`), tree.toReversed(), 0o077, seconds);
        const bytes = await archive(one);
        assert.ok(bytes.equals(await archive(two)));
        const out = path.join(root, `${(count += 1)}`);
        mkdirSync(out);
        execFileSync("tar", ["-x", "-C", out], { input: bytes, stdio: ["pipe", "ignore", "pipe"] });
        assert.deepEqual(listTree(path.join(out, "in/the image")), listTree(one));
      }),
      { numRuns: 60 },
    );
  });

  test("any change of a name, a byte, a link or who may execute is another archive", async () => {
    const base: Item[] = [{ name: ["a", "b"], content: "x", executable: false }];
    const variants: readonly (readonly Item[])[] = [
      base,
      [{ name: ["a", "b"], content: "y", executable: false }],
      [{ name: ["a", "b"], content: "x", executable: true }],
      [{ name: ["a", "c"], content: "x", executable: false }],
      [{ name: ["a", "b"], content: null, executable: false }],
      [],
    ];
    const all = await Promise.all(
      variants.map((tree) => archive(makeTree(path.join(root, `${(count += 1)}`), tree, 0o022, 0))),
    );
    assert.equal(new Set(all.map((bytes) => bytes.toString("latin1"))).size, variants.length);
  });

  test("it comes in pieces of one size, however the disk gives it", async () => {
    const folder = makeTree(
      path.join(root, `${(count += 1)}`),
      [{ name: ["big"], content: "0123456789".repeat(80_000), executable: false }],
      0o022,
      0,
    );
    const sizes: number[] = [];
    for await (const chunk of layerArchive([{ folder, place: "" }])) sizes.push(chunk.length);
    assert.deepEqual(sizes.slice(0, -1), [262_144, 262_144, 262_144]);
  });
});

/** Items that cannot be there because of another are left out, the same ones for every order. */
function makeTree(folder: string, tree: readonly Item[], umask: number, seconds: number): string {
  const own = process.umask(umask);
  try {
    mkdirSync(folder);
    const names = new Set(tree.map(({ name }) => name.join("/")));
    for (const { name, content, executable } of tree) {
      const isBelowAFile = name.some((_, index) => index > 0 && names.has(name.slice(0, index).join("/")));
      if (isBelowAFile) continue;
      const file = path.join(folder, ...name);
      mkdirSync(path.dirname(file), { recursive: true });
      if (content === null) symlinkSync(`../${name.join("/")}`, file);
      else {
        writeFileSync(file, content);
        // Bits that do not count: the archive has 0755 and 0644.
        chmodSync(file, (executable ? 0o700 : 0o600) | (umask === 0o022 ? 0o044 : 0));
        utimesSync(file, seconds, seconds);
      }
    }
  } finally {
    process.umask(own);
  }
  return folder;
}

async function archive(folder: string): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of layerArchive([{ folder, place: "in/the image" }])) chunks.push(chunk);
  return Buffer.concat(chunks);
}
