import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { suite, test, type TestContext } from "node:test";
import { gzipSync, zstdCompressSync } from "node:zlib";

import * as fc from "fast-check";

import { listTree } from "../../../test/fixtures/list-tree.ts";
import { digestOf } from "../../../test/fixtures/put-image.ts";
import { paxHeader, type RawEntry, tarArchive } from "../../../test/fixtures/tar-archive.ts";
import { type ErrorCode, WhiskersError } from "../../errors.ts";
import { type Unpacked, unpackImage } from "./unpack-image.ts";

const LIMITS = { mostBytes: 4 * 2 ** 20, mostEntries: 200 };
const FOLDER = "5";
const LINK = "2";
const HARD_LINK = "1";

/** Layers of entries, and the lines of `listTree` that they come to, without the digests of files. */
const HONEST: Readonly<
  Record<string, readonly [layers: readonly (readonly RawEntry[])[], tree: readonly string[]]>
> = {
  "files, folders, links": [
    [
      [
        { name: "./", type: FOLDER },
        { name: "bin/", type: FOLDER },
        { name: "bin/tool", mode: 0o4755, content: "x" },
        { name: "etc/secret", mode: 0o600, content: "y" },
        { name: "/bin/sh", type: LINK, linkName: "tool" },
        { name: "lib", type: LINK, linkName: "/usr/lib" },
        { name: "bin/same", type: HARD_LINK, linkName: "bin/tool" },
      ],
    ],
    [
      "bin: folder",
      "bin/same: file x",
      "bin/sh: link tool",
      "bin/tool: file x",
      "etc: folder",
      "etc/secret: file -",
      "lib: link /usr/lib",
    ],
  ],
  "a folder through a link of an earlier layer": [
    [
      [{ name: "usr/lib/a" }, { name: "lib", type: LINK, linkName: "usr/lib" }],
      [{ name: "lib/b" }, { name: "lib/c", type: HARD_LINK, linkName: "lib/a" }],
    ],
    [
      "lib: link usr/lib",
      "usr: folder",
      "usr/lib: folder",
      "usr/lib/a: file -",
      "usr/lib/b: file -",
      "usr/lib/c: file -",
    ],
  ],
  "whiteouts of a file, of a folder, of nothing": [
    [
      [{ name: "a" }, { name: "b/c" }, { name: "d/e" }],
      [{ name: ".wh.a" }, { name: ".wh.b" }, { name: "d/.wh.x" }, { name: "x/y/.wh.z" }],
    ],
    ["d: folder", "d/e: file -"],
  ],
  "a whiteout hides only what the layers below have, in any order": [
    [[{ name: "a/old" }], [{ name: "a/new" }, { name: ".wh.a" }, { name: "b" }, { name: ".wh.b" }]],
    ["a: folder", "a/new: file -", "b: file -"],
  ],
  "opaque folders": [
    [
      [{ name: "a/old" }, { name: "a/deep/old" }, { name: "b/old" }],
      [{ name: "a/new" }, { name: "a/deep/new" }, { name: "a/.wh..wh..opq" }],
    ],
    ["a: folder", "a/deep: folder", "a/deep/new: file -", "a/new: file -", "b: folder", "b/old: file -"],
  ],
  "what aufs leaves in archives": [
    [[{ name: ".wh..wh.plnk/1.2" }, { name: ".wh..wh.aufs" }, { name: "a" }]],
    ["a: file -"],
  ],
  "the last of two entries of one name": [
    [
      [
        { name: "a", content: "1" },
        { name: "a", mode: 0o755, content: "2" },
        { name: "b", type: LINK, linkName: "a" },
        { name: "b/c" },
        { name: "d/e" },
        { name: "d", content: "3" },
      ].slice(0, 2),
      [{ name: "d/e" }, { name: "d", content: "3" }, { name: "a", type: FOLDER }],
    ],
    ["a: folder", "d: file -"],
  ],
  "devices, pipes and sockets are left out": [
    [
      [
        { name: "dev/null", type: "3" },
        { name: "dev/sda", type: "4" },
        { name: "pipe", type: "6" },
        { name: "a" },
      ],
    ],
    ["a: file -", "dev: folder"],
  ],
  "names that are long, and not of ASCII": [
    [
      [
        paxHeader({ path: `${"d".repeat(200)}/${"f".repeat(255)}` }),
        { name: "short" },
        { name: "././@LongLink", type: "L", content: `${"g".repeat(150)}\0` },
        { name: "ggg" },
        { name: "f\xf6r", content: "latin1" },
        { name: "f\xc3\xb6r", content: "utf8" },
        { name: "prefix", patch: { 345: "in/a" } },
      ],
    ],
    [
      `${"d".repeat(200)}: folder`,
      `${"d".repeat(200)}/${"f".repeat(255)}: file -`,
      "f\xc3\xb6r: file -",
      "f\xf6r: file -",
      `${"g".repeat(150)}: file -`,
      "in: folder",
      "in/a: folder",
      "in/a/prefix: file -",
    ],
  ],
};

/** What is refused, why, and with which code when it is not `image-invalid`. */
const HOSTILE: Readonly<
  Record<string, readonly [layers: readonly (readonly RawEntry[] | Buffer)[], why: RegExp, code?: ErrorCode]>
> = {
  "a path that climbs": [[[{ name: "../outside/canary", content: "x" }]], /a path with \.\./u],
  "a path that climbs within": [[[{ name: "a/../../outside/canary" }]], /a path with \.\./u],
  "a whiteout that climbs": [[[{ name: ".wh..." }]], /a whiteout of nothing/u],
  "a whiteout of its folder": [[[{ name: "a/.wh.." }]], /a whiteout of nothing/u],
  "a hard link that climbs": [
    [[{ name: "a", type: HARD_LINK, linkName: "../outside/canary" }]],
    /a path with \.\./u,
  ],
  "a hard link to what is not in the tree": [
    [[{ name: "a", type: HARD_LINK, linkName: "/etc/passwd" }]],
    /is not there/u,
  ],
  "a hard link through a link that climbs": [
    [
      [
        { name: "l", type: LINK, linkName: "../outside" },
        { name: "a", type: HARD_LINK, linkName: "l/canary" },
      ],
    ],
    /is not there/u,
  ],
  "a hard link to a folder": [
    [
      [
        { name: "d/", type: FOLDER },
        { name: "a", type: HARD_LINK, linkName: "d" },
      ],
    ],
    /to the folder/u,
  ],
  "a hard link into the folder that it replaces": [
    [[{ name: "d/f" }, { name: "d", type: HARD_LINK, linkName: "d/f" }]],
    /into the folder that it replaces/u,
  ],
  "a file through a file": [[[{ name: "a" }, { name: "a/b" }]], /a file, or a ring of links/u],
  "a ring of links": [
    [[{ name: "a", type: LINK, linkName: "b" }, { name: "b", type: LINK, linkName: "a" }, { name: "a/x" }]],
    /a ring of links/u,
  ],
  "a link in place of the root": [[[{ name: "./", type: LINK, linkName: "/" }]], /the place of the root/u],
  "a giant size": [[[{ name: "a", size: 0o77777777777 }]], /a file of 8589934591 bytes/u, "image-too-large"],
  "a size that is more than numbers can say": [
    [[{ name: "a", patch: { 124: `\x80${"\xff".repeat(11)}` } }]],
    /a size that is none/u,
  ],
  "a size below zero": [[[{ name: "a", patch: { 124: "\xff".repeat(12) } }]], /a size that is none/u],
  "a giant size in a pax header": [
    [[paxHeader({ size: "99999999999999999999" }), { name: "a" }]],
    /a size of/u,
  ],
  "many files": [
    [Array.from({ length: 201 }, (_, number) => ({ name: `f${number}` }))],
    /more than 200 entries/u,
    "image-too-large",
  ],
  "many folders that no entry names": [
    [
      [
        { name: `${"a/".repeat(45)}x` },
        ...Array.from({ length: 5 }, (_, n) => ({ name: `${n}/${"b/".repeat(45)}x` })),
      ],
    ],
    /more than 200 entries/u,
    "image-too-large",
  ],
  "a folder with the name of a whiteout": [[[{ name: ".wh.a/b" }]], /name of a whiteout/u],
  "deep folders": [[[paxHeader({ path: `${"a/".repeat(130)}x` }), { name: "x" }]], /deeper than 128/u],
  "a long name": [[[paxHeader({ path: "n".repeat(256) }), { name: "x" }]], /more than 255 bytes/u],
  "a long path": [
    [[paxHeader({ path: `${`${"n".repeat(200)}/`.repeat(16)}x` }), { name: "x" }]],
    /a path of more than 3072 bytes/u,
  ],
  "a long target of a link": [
    [[paxHeader({ linkpath: "t/".repeat(3000) }), { name: "x", type: LINK }]],
    /cannot hold/u,
  ],
  "a sparse file of GNU tar": [[[{ name: "a", type: "S" }]], /a sparse file/u],
  "a sparse file of pax": [[[paxHeader({ "GNU.sparse.major": "1" }), { name: "a" }]], /a sparse file/u],
  "an unknown type": [[[{ name: "a", type: "Z" }]], /unknown type "Z"/u],
  "a wrong sum": [[[{ name: "a", wrongSum: true }]], /sum of a header/u],
  "a number that is none": [[[{ name: "a", patch: { 100: "9zz" } }]], /a number that is none/u],
  "a name with NUL in it": [[[paxHeader({ path: "a\0b" }), { name: "x" }]], /NUL/u],
  "no name": [[[{ name: "" }]], /without a name/u],
  "a pax header that lies of its length": [
    [[{ name: "p", type: "x", content: "99 path=a\n" }, { name: "a" }]],
    /cannot be read/u,
  ],
  "a pax header without end": [
    [[{ name: "p", type: "x", size: 2 ** 30 }, { name: "a" }]],
    /an extended header of/u,
  ],
  "no archive": [[Buffer.from("<html>".repeat(200))], /no tar archive/u],
  "an archive that is cut short": [
    [tarArchive([{ name: "a", content: "x".repeat(2000) }]).subarray(0, 1500)],
    /cut short/u,
  ],
  "a pax header with nothing after it": [[tarArchive([paxHeader({ path: "a" })], false)], /cut short/u],
  "a compression bomb": [
    [gzipSync(Buffer.alloc(64 * 2 ** 20))],
    /more than 4194304 bytes before/u,
    "image-too-large",
  ],
  "a compression bomb in zstd": [
    [zstdCompressSync(Buffer.alloc(64 * 2 ** 20))],
    /more than 4194304 bytes before/u,
    "image-too-large",
  ],
  "damaged gzip": [
    [Buffer.concat([gzipSync(tarArchive([{ name: "a" }])).subarray(0, 40), Buffer.alloc(99)])],
    /cannot be decompressed/u,
  ],
  "gzip that is cut short": [
    [gzipSync(tarArchive([{ name: "a", content: "x" }])).subarray(0, -9)],
    /cannot be decompressed/u,
  ],
};

suite("honest layers", () => {
  for (const [what, [layers, tree]] of Object.entries(HONEST)) {
    test(what, async (t) => {
      const place = temporaryPlace(t);
      await unpack(
        place,
        layers.map((entries) => tarArchive(entries)),
      );
      assert.deepEqual(
        listTree(place.tree).map((line) => line.replace(/ [0-9a-f]{12}$/u, "")),
        tree.toSorted(),
      );
      assertUntouched(place);
    });
  }

  test("modes let every user read, run nothing as another, and change nothing", async (t) => {
    const place = temporaryPlace(t);
    const modes = { a: 0o4711, b: 0o2000, c: 0o666, d: 0o100, e: 0 };
    await unpack(place, [
      tarArchive([
        ...Object.entries(modes).map(([name, mode]) => ({ name, mode })),
        { name: "f", type: FOLDER, mode: 0o1777 },
      ]),
    ]);
    const found = readdirSync(place.tree).map((name) =>
      (statSync(path.join(place.tree, name)).mode & 0o7777).toString(8),
    );
    assert.deepEqual(found, ["755", "644", "644", "755", "644", "755"]);
    assert.equal(lstatSync(place.tree).mode & 0o7777, 0o755);
  });

  test("times are kept, of folders too, as far as every file system can", async (t) => {
    const place = temporaryPlace(t);
    await unpack(place, [
      tarArchive([
        { name: "d", type: FOLDER, mtime: 1_000_000_000 },
        { name: "d/f", mtime: 1_100_000_000 },
        paxHeader({ mtime: "1200000000.5" }),
        { name: "d/l", type: LINK, linkName: "f" },
        paxHeader({ mtime: "-99999999999999" }),
        { name: "g" },
        paxHeader({ mtime: "1e300" }),
        { name: "h" },
      ]),
    ]);
    const times = ["d", "d/f", "d/l", "g", "h"].map(
      (name) => lstatSync(path.join(place.tree, name)).mtimeMs / 1000,
    );
    assert.deepEqual(times, [1_000_000_000, 1_100_000_000, 1_200_000_000.5, 0, 2 ** 31 - 1]);
  });

  for (const [name, compress] of Object.entries({
    none: (tar: Buffer) => tar,
    gzip: (tar: Buffer) => gzipSync(tar),
    "gzip in several members": (tar: Buffer) =>
      Buffer.concat([gzipSync(tar.subarray(0, 700)), gzipSync(tar.subarray(700))]),
    zstd: (tar: Buffer) => zstdCompressSync(tar),
    "zstd in several frames": (tar: Buffer) =>
      Buffer.concat([zstdCompressSync(tar.subarray(0, 700)), zstdCompressSync(tar.subarray(700))]),
  })) {
    test(`compression: ${name}`, async (t) => {
      const place = temporaryPlace(t);
      const tar = tarArchive([{ name: "a", content: "x".repeat(3000) }]);
      await unpack(place, [compress(tar)], [digestOf(tar)]);
      assert.equal(readFileSync(path.join(place.tree, "a"), "utf8"), "x".repeat(3000));
    });
  }

  test("what GNU tar makes is read, in each of its formats", async (t) => {
    for (const format of ["ustar", "pax", "gnu", "v7"]) {
      const place = temporaryPlace(t);
      const source = path.join(place.folder, "source");
      mkdirSync(path.join(source, "sub folder"), { recursive: true });
      writeFileSync(path.join(source, "sub folder/naïve"), "1");
      writeFileSync(path.join(source, `sub folder/${"long".repeat(format === "v7" ? 5 : 22)}`), "2");
      chmodSync(path.join(source, "sub folder/naïve"), 0o755);
      execFileSync("ln", ["-s", "../x", path.join(source, "link")]);
      execFileSync("ln", [path.join(source, "sub folder/naïve"), path.join(source, "twin")]);
      const tar = execFileSync("tar", ["-C", source, `--format=${format}`, "-c", "."]);
      await unpack(place, [tar]);
      assert.deepEqual(listTree(place.tree), listTree(source), format);
    }
  });
});

suite("hostile layers", () => {
  for (const [what, [layers, why, code = "image-invalid"]] of Object.entries(HOSTILE)) {
    test(`${what} is refused`, async (t) => {
      const place = temporaryPlace(t);
      const archives = layers.map((layer) => (Buffer.isBuffer(layer) ? layer : tarArchive(layer)));
      await assert.rejects(unpack(place, archives), isError(code, why));
      assertUntouched(place);
    });
  }

  test("links that climb stay within the tree", async (t) => {
    for (const target of [
      "../../outside",
      "../outside",
      "/../outside",
      path.join(temporaryPlace(t).folder, "outside"),
    ]) {
      const place = temporaryPlace(t);
      await unpack(place, [
        tarArchive([{ name: "l", type: LINK, linkName: target }]),
        tarArchive([
          { name: "l/canary", content: "written" },
          { name: "l/.wh.other" },
          { name: "l/.wh..wh..opq" },
        ]),
      ]);
      assertUntouched(place);
      assert.equal(listTree(place.tree).filter((line) => line.includes("canary: file")).length, 1);
    }
  });

  test("names that the file system cannot tell apart are refused", async (t) => {
    const place = temporaryPlace(t);
    // What lies there already, and no entry made, is what such a file system shows for the other name.
    writeFileSync(path.join(place.tree, "README"), "1");
    await assert.rejects(
      unpack(place, [tarArchive([{ name: "README" }])]),
      isError("image-invalid", /cannot tell apart/u),
    );
  });

  test("content that the config does not know is refused", async (t) => {
    const place = temporaryPlace(t);
    const tar = tarArchive([{ name: "a" }]);
    await assert.rejects(
      unpack(place, [tar], [digestOf(Buffer.from("x"))]),
      isError("image-invalid", /its content is/u),
    );
  });

  test("an archive that ends with its last byte of content is whole: umoci insert writes such", async (t) => {
    const place = temporaryPlace(t);
    const [content, cut] = ["hi\n", tarArchive([{ name: "README", content: "hi\n" }], false)];
    await unpack(place, [cut.subarray(0, 512 + content.length)]);
    assert.equal(readFileSync(path.join(place.tree, "README"), "utf8"), content);
    const missing = unpack(temporaryPlace(t), [cut.subarray(0, 512 + content.length - 1)]);
    await assert.rejects(missing, isError("image-invalid", /cut short/u));
  });

  test("any archive ends as a tree or an error, and nothing outside changes", async (t) => {
    const place = temporaryPlace(t);
    const part = fc.constantFrom("a", "b", "l", "..", ".", "", ".wh.a", ".wh.l", ".wh..wh..opq", "A");
    const name = fc.array(part, { minLength: 1, maxLength: 4 }).map((parts) => parts.join("/"));
    const target = fc.oneof(
      name,
      fc.constantFrom(
        "..",
        "../../outside",
        "/",
        "/outside",
        "a/../../outside",
        "l",
        `${place.folder}/outside`,
      ),
    );
    const entry = fc.record({
      name: fc.oneof(
        name,
        name.map((text) => `/${text}`),
      ),
      type: fc.constantFrom("0", "0", "1", "1", "2", "2", "5", "6"),
      linkName: target,
      mode: fc.constantFrom(0, 0o4755, 0o644),
      content: fc.constantFrom("", "x"),
    });
    const layers = fc.array(fc.array(entry, { maxLength: 12 }), { minLength: 1, maxLength: 3 });
    await fc.assert(
      fc.asyncProperty(layers, async (all) => {
        rmSync(place.tree, { recursive: true });
        mkdirSync(place.tree);
        try {
          await unpack(
            place,
            all.map((entries) => tarArchive(entries)),
          );
        } catch (error) {
          assert.ok(error instanceof WhiskersError && error.code === "image-invalid", String(error));
        }
        assertUntouched(place);
        assert.ok(listTree(place.tree).every((line) => !/^[^:]*\.wh\.|: other$/u.test(line)));
      }),
      { numRuns: 150 },
    );
  });

  test("any change to the bytes of an archive ends as a tree or an error", async (t) => {
    const place = temporaryPlace(t);
    const honest = tarArchive([
      { name: "a/", type: FOLDER },
      paxHeader({ path: "a/long", mtime: "12.5" }),
      { name: "x", content: "content" },
      { name: "l", type: LINK, linkName: "a" },
      { name: "h", type: HARD_LINK, linkName: "a/long" },
    ]);
    const changes = fc.array(fc.tuple(fc.nat(honest.length - 1), fc.nat(255)), {
      minLength: 1,
      maxLength: 4,
    });
    await fc.assert(
      fc.asyncProperty(changes, fc.nat(honest.length), fc.boolean(), async (bytes, length, isCut) => {
        rmSync(place.tree, { recursive: true });
        mkdirSync(place.tree);
        const changed = Buffer.from(isCut ? honest.subarray(0, length) : honest);
        for (const [at, value] of bytes) if (at < changed.length) changed[at] = value;
        mendSums(changed);
        await unpack(place, [changed]).catch((error: unknown) => {
          assert.ok(error instanceof WhiskersError && error.code.startsWith("image-"), String(error));
        });
        assertUntouched(place);
      }),
      { numRuns: 150 },
    );
  });
});

/** So that what is behind the sums is tried, too. */
function mendSums(archive: Buffer): void {
  for (let at = 0; at + 512 <= archive.length; at += 512) {
    if (archive.toString("latin1", at + 257, at + 262) !== "ustar") continue;
    archive.write("        ", at + 148);
    const sum = archive.subarray(at, at + 512).reduce((total, byte) => total + byte, 0);
    archive.write(`${sum.toString(8).padStart(6, "0")}\0 `, at + 148);
  }
}

interface Place {
  readonly folder: string;
  readonly tree: string;
}

/** A folder with an empty `tree`, and beside it what must not change. */
function temporaryPlace(t: TestContext): Place {
  const folder = mkdtempSync(path.join(tmpdir(), "whiskers-unpack-"));
  t.after(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  const tree = path.join(folder, "tree");
  mkdirSync(tree);
  mkdirSync(path.join(folder, "outside"));
  writeFileSync(path.join(folder, "outside/canary"), "alive");
  return { folder, tree };
}

function assertUntouched({ folder }: Place): void {
  const names = readdirSync(folder).filter((name) => !name.startsWith("layer-") && name !== "source");
  assert.deepEqual(names, ["outside", "tree"]);
  assert.deepEqual(readdirSync(path.join(folder, "outside")), ["canary"]);
  const canary = path.join(folder, "outside/canary");
  assert.equal(readFileSync(canary, "utf8"), "alive");
  assert.equal(statSync(canary).nlink, 1);
}

async function unpack(
  place: Place,
  layers: readonly Buffer[],
  diffIds?: readonly string[],
): Promise<Unpacked> {
  const files = layers.map((layer, number) => {
    const file = path.join(place.folder, `layer-${number}`);
    writeFileSync(file, layer);
    return { file, digest: `layer ${number}`, diffId: diffIds?.[number] ?? digestOf(layer) };
  });
  return unpackImage({ folder: place.tree, takeOver: null, layers: files, limits: LIMITS });
}

function isError(code: ErrorCode, message: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof WhiskersError, String(error));
    assert.equal(error.code, code, error.message);
    assert.match(error.message, message);
    return true;
  };
}
