import assert from "node:assert/strict";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, suite, test } from "node:test";

import * as fc from "fast-check";

import { WhiskersError } from "../errors.ts";
import { buildZip, type ZipEntry } from "../../test/fixtures/build-zip.ts";
import { openReference } from "./open-reference.ts";
import { unpackZip } from "./unpack-zip.ts";

const MANIFEST: ZipEntry = {
  name: "normalizer.json",
  content: JSON.stringify({ id: "p", name: "P", environment: "python", entrypoint: "normalize" }),
};
const CODE: ZipEntry = { name: "normalize.py", content: "def run(meta, raw):\n    return []\n" };
const FILE = 0o100644;
const LINK = 0o120777;

/** What is wrong, the entries beside the manifest, and what the error says. */
const HOSTILE: readonly (readonly [string, readonly ZipEntry[], RegExp])[] = [
  ["a path upwards", [{ name: "../escaped", content: "x" }], /\.\./u],
  ["a path upwards in the middle", [{ name: "a/../../escaped", content: "x" }], /\.\./u],
  ["an absolute path", [{ name: "/escaped", content: "x" }], /absolute/u],
  ["a drive", [{ name: "C:/escaped", content: "x" }], /absolute/u],
  ["backslashes", [{ name: "..\\escaped", content: "x" }], /invalid characters/u],
  ["a strange name", [{ name: "a//b", content: "x" }], /strange/u],
  ["a dot", [{ name: "./b", content: "x" }], /strange/u],
  ["an entry twice", [CODE, CODE], /twice/u],
  [
    "a folder and a file of one name",
    [
      { name: "a", content: "x" },
      { name: "a/b", content: "x" },
    ],
    /no folder/u,
  ],
  ["a link that leads out", [{ name: "out", content: "../../escaped", mode: LINK }], /link/u],
  ["an absolute link", [{ name: "out", content: "/etc", mode: LINK }], /absolute/u],
  [
    "a file below a link",
    [
      { name: "out", content: "/tmp", mode: LINK },
      { name: "out/escaped", content: "x" },
    ],
    /no folder/u,
  ],
  ["a device", [{ name: "device", content: "", mode: 0o020666 }], /neither a file nor a folder/u],
  ["a pipe", [{ name: "pipe", content: "", mode: 0o010666 }], /neither a file nor a folder/u],
  ["an encrypted entry", [{ name: "secret", content: "x", encrypted: true }], /encrypted/u],
  ["another method", [{ name: "packed", content: "x", method: 12 }], /Deflate/u],
  ["a wrong checksum", [{ name: "data", content: "x", claim: { crc: 1 } }], /checksum/u],
  [
    "more than it says",
    [{ name: "data", content: "x".repeat(100_000), claim: { size: 10 } }],
    /damaged|size|too many/u,
  ],
  ["a bomb", [{ name: "bomb", content: Buffer.alloc(40 * 2 ** 20) }], /times as large/u],
  [
    "more bytes than a package may have",
    [{ name: "huge", content: "x", claim: { size: 3 * 2 ** 30 } }],
    /bytes in all/u,
  ],
];

suite("packages in ZIPs", () => {
  let root = "";
  let home = "";
  beforeEach(() => {
    root = realpathSync(mkdtempSync(path.join(tmpdir(), "whiskers-zip-package-")));
    home = path.join(root, "deep/down/home");
    mkdirSync(home, { recursive: true });
  });
  afterEach(() => {
    rmSync(root, { recursive: true, force: true });
  });
  const zipFile = (content: Buffer): string => {
    const file = path.join(root, "package.zip");
    writeFileSync(file, content);
    return file;
  };

  test("names, links and who may execute are as in a folder", async () => {
    const folder = path.join(root, "out");
    mkdirSync(folder);
    const entries: readonly ZipEntry[] = [
      { ...MANIFEST, name: "top/normalizer.json" },
      { name: "top/bin/", content: "" },
      { name: "top/bin/tool", content: "#!/bin/sh\n", mode: 0o100755 },
      { name: "top/data", content: "x", mode: FILE },
      { name: "top/link", content: "bin/tool", mode: LINK },
    ];
    const found = await unpackZip(zipFile(buildZip(entries)), folder, "package.zip");
    assert.equal(found, path.join(folder, "top"));
    assert.equal(statSync(path.join(found, "link")).mode & 0o111, 0o111);
    assert.equal(statSync(path.join(found, "data")).mode & 0o111, 0);
  });

  for (const [what, entries, message] of HOSTILE) {
    test(`${what} is refused, and nothing is left of it`, async () => {
      const file = zipFile(buildZip([MANIFEST, ...entries]));
      await assert.rejects(openReference(file, { home }), (error) => {
        assert.ok(error instanceof WhiskersError);
        assert.equal(error.code, "package-unreadable");
        assert.match(error.message, message);
        return true;
      });
      assert.deepEqual(readdirSync(path.join(home, "packages")), []);
      assert.ok(!existsSync(path.join(root, "escaped")) && !existsSync(path.join(root, "deep/escaped")));
    });
  }

  test("a ZIP without a manifest at its top is refused", async () => {
    const file = zipFile(buildZip([{ ...MANIFEST, name: "a/b/normalizer.json" }, CODE]));
    await assert.rejects(openReference(file, { home }), /no normalizer\.json at the top/u);
  });

  test("whatever is done to the bytes, it is the same package or refused", async () => {
    const good = buildZip([MANIFEST, CODE, { name: "link", content: "normalize.py", mode: LINK }]);
    const { digest } = await openReference(zipFile(good), { home });
    const change = fc.record({ at: fc.nat(good.length - 1), value: fc.nat(255) });
    await fc.assert(
      fc.asyncProperty(
        fc.array(change, { minLength: 1, maxLength: 3 }),
        fc.nat(good.length),
        async (changes, cut) => {
          const bytes = Buffer.from(good.subarray(0, cut % 7 === 0 ? cut : good.length));
          for (const { at, value } of changes) if (at < bytes.length) bytes[at] = value;
          try {
            const opened = await openReference(zipFile(bytes), { home });
            // Names and modes are not covered by a checksum.
            if (opened.digest === digest) return;
            assert.notDeepEqual(bytes, good);
          } catch (error) {
            assert.ok(error instanceof WhiskersError, String(error));
            assert.ok(["package-unreadable", "manifest-invalid"].includes(error.code), error.message);
          }
          assert.ok(!existsSync(path.join(root, "escaped")));
        },
      ),
      { numRuns: 150 },
    );
  });
});
