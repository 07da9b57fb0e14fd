import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, suite, test } from "node:test";

import * as fc from "fast-check";

import { WhiskersError } from "../errors.ts";
import { buildZip, rawMetaJson, type ZipEntry } from "../../test/fixtures/build-zip.ts";
import { zipInputs } from "./zip.ts";

const A = "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa";
const B = "bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb";

let folder = "";

function pair(id: string, content: Buffer | string = `raw ${id}`): readonly ZipEntry[] {
  return [
    { name: id, content },
    { name: `raw_meta_${id}.json`, content: rawMetaJson(id, ["boefje/nmap"]) },
  ];
}

async function open(zip: Buffer): ReturnType<typeof zipInputs> {
  const file = path.join(folder, "download.zip");
  writeFileSync(file, zip);
  return zipInputs(file, path.join(folder, "out-"));
}

suite("zipInputs", () => {
  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), "whiskers-zip-"));
  });
  afterEach(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  test("unpacks a download: bytes, hash, meta, without the boefje's settings", async () => {
    const large = Buffer.alloc(300_000, "0123456789");
    const found = await open(buildZip([...pair(A), ...pair(B, large)]));
    assert.deepEqual(found?.skipped, []);
    const [first, second] = found?.inputs ?? [];
    assert.equal(first?.raw.id, A);
    assert.equal(readFileSync(first?.raw.path ?? "", "utf8"), `raw ${A}`);
    assert.deepEqual(readFileSync(second?.raw.path ?? ""), large);
    assert.equal(second?.raw.sha256, createHash("sha256").update(large).digest("hex"));
    assert.equal(second?.raw.sizeBytes, large.length);
    assert.deepEqual(second?.raw.mimeTypes, ["boefje/nmap"]);
    assert.equal(first?.rawMeta?.boefje_meta.environment, null);
    assert.ok(!JSON.stringify(found).includes("secret-key"));
    assert.equal(first?.rawMeta?.boefje_meta.input_ooi, "IPAddressV4|internet|192.0.2.1");
    assert.equal(first?.name, `${path.join(folder, "download.zip")}:${A}`);
  });

  test("takes stored entries, empty raws and metas that come first", async () => {
    const [raw, meta] = pair(A, "");
    assert.ok(raw !== undefined && meta !== undefined);
    const found = await open(buildZip([meta, { ...raw, method: 0 }]));
    assert.equal(found?.inputs[0]?.raw.sizeBytes, 0);
  });

  const noDownloads: Readonly<Record<string, Buffer>> = {
    "an empty file": Buffer.alloc(0),
    "what is no ZIP": Buffer.from("PK is not enough"),
    "a ZIP of something else": buildZip([{ name: "word/document.xml", content: "<x/>" }]),
    "a ZIP of something else that leads outside": buildZip([{ name: "../../etc/passwd", content: "x" }]),
    "a damaged ZIP of something else": buildZip([{ name: "a.txt", content: "x" }]).subarray(0, 60),
    "an empty ZIP": buildZip([]),
  };
  for (const [what, bytes] of Object.entries(noDownloads)) {
    test(`leaves alone ${what}`, async () => {
      assert.equal(await open(bytes), null);
    });
  }

  const whole = buildZip(pair(A));
  const hostile: Readonly<Record<string, readonly [Buffer, RegExp]>> = {
    "cut short": [whole.subarray(0, whole.length - 30), /damaged/u],
    "cut to its first entry": [whole.subarray(0, 80), /damaged/u],
    "with a path that leads outside": [
      buildZip([...pair(A), { name: `../${B}`, content: "x" }]),
      /entry "\.\.\/bbbb.*not a name/u,
    ],
    "with an absolute path": [buildZip([...pair(A), { name: `/${B}`, content: "x" }]), /not a name/u],
    "with its entries in a folder": [
      buildZip(pair(A).map((entry) => ({ ...entry, name: `download/${entry.name}` }))),
      /entry "download\/aaaa.*at the root/u,
    ],
    "with a stranger in it": [
      buildZip([...pair(A), { name: "readme.txt", content: "x" }]),
      /entry "readme\.txt": not a name/u,
    ],
    "with control characters in a name": [
      buildZip([...pair(A), { name: "\u001b[2J", content: "x" }]),
      /entry "\\u001b\[2J"/u,
    ],
    "with two entries of one name": [buildZip([...pair(A), ...pair(A)]), /two entries of this name/u],
    "with two entries of one name in two cases": [
      buildZip([...pair(A), { name: A.toUpperCase(), content: "" }]),
      /two entries/u,
    ],
    "with a raw without meta": [
      buildZip([...pair(A), { name: B, content: "x" }]),
      /raw_meta_bbbb.* is not in the archive/u,
    ],
    "with a meta without raw": [
      buildZip([...pair(A), { name: `raw_meta_${B}.json`, content: rawMetaJson(B, []) }]),
      /describes bbbb.* not in the archive/u,
    ],
    "with the meta of another raw": [
      buildZip([
        { name: A, content: "" },
        { name: `raw_meta_${A}.json`, content: rawMetaJson(B, []) },
      ]),
      /it is the meta of bbbb/u,
    ],
    "with a meta that is no JSON": [
      buildZip([
        { name: A, content: "" },
        { name: `raw_meta_${A}.json`, content: "{" },
      ]),
      /raw_meta_aaaa.* is not JSON/u,
    ],
    "with a meta of another shape": [
      buildZip([
        { name: A, content: "" },
        { name: `raw_meta_${A}.json`, content: rawMetaJson(A, [], { boefje_meta: [] }) },
      ]),
      /\/boefje_meta is not an object/u,
    ],
    "with a giant meta": [
      buildZip([
        { name: A, content: "" },
        { name: `raw_meta_${A}.json`, content: Buffer.alloc(5 * 2 ** 20, " ") },
      ]),
      /longer than/u,
    ],
    "with an encrypted entry": [
      buildZip([{ name: A, content: "x", encrypted: true }, ...pair(A).slice(1)]),
      /encrypted/u,
    ],
    "packed in a way that nobody knows": [
      buildZip([{ name: A, content: "x", method: 99 }, ...pair(A).slice(1)]),
      /method 99/u,
    ],
    "with a wrong CRC": [
      buildZip([{ name: A, content: "x", claim: { crc: 1 } }, ...pair(A).slice(1)]),
      /entry "aaaa.*its bytes do not fit its CRC/u,
    ],
    "that unpacks to more than it claims": [
      buildZip([{ name: A, content: Buffer.alloc(100_000), claim: { size: 10 } }, ...pair(A).slice(1)]),
      /entry "aaaa.*too many bytes/u,
    ],
    "that unpacks to less than it claims": [
      buildZip([{ name: A, content: "abc", claim: { size: 100_000 } }, ...pair(A).slice(1)]),
      /entry "aaaa.*not enough bytes/u,
    ],
    "whose entry runs past the end": [
      buildZip([{ name: A, content: "abc", claim: { packedSize: 2 ** 30 } }, ...pair(A).slice(1)]),
      /overflows/u,
    ],
    "that claims to be a bomb": [
      buildZip([{ name: A, content: "abc", claim: { size: 2 ** 31 } }, ...pair(A).slice(1)]),
      /a bomb/u,
    ],
    "that is a bomb": [buildZip(pair(A, Buffer.alloc(64 * 2 ** 20))), /a bomb/u],
    "that claims to be larger than the disk": [
      buildZip(
        [A, B, ...["c", "d"].map((c) => A.replaceAll("a", c))].flatMap((id) => [
          { name: id, content: "abc", method: 0, claim: { size: 0xf0000000, packedSize: 0xf0000000 } },
          ...pair(id).slice(1),
        ]),
      ),
      /more than \d+ bytes/u,
    ],
    "with more entries than any download": [
      buildZip(
        Array.from({ length: 2001 }, (_, index) => ({
          name: `${String(index).padStart(8, "0")}-aaaa-4aaa-8aaa-aaaaaaaaaaaa`,
          content: "",
        })),
      ),
      /more than 2000 entries/u,
    ],
  };
  for (const [what, [zip, message]] of Object.entries(hostile)) {
    test(`refuses a download ${what}`, async () => {
      await assert.rejects(open(zip), (error) => {
        assert.ok(error instanceof WhiskersError, String(error));
        assert.equal(error.code, "input-unreadable");
        assert.match(error.message, message);
        return true;
      });
    });
  }

  test("whatever is done to a download, it is taken whole or refused", { timeout: 60_000 }, async () => {
    const original = buildZip([...pair(A), ...pair(B)]);
    let refused = 0;
    await fc.assert(
      fc.asyncProperty(fc.nat(original.length - 1), fc.integer({ min: 1, max: 255 }), async (at, change) => {
        const damaged = Buffer.from(original);
        damaged[at] = (damaged[at] ?? 0) ^ change;
        try {
          const found = await open(damaged);
          // Null: no download any more. Else every raw is what it was, or another with its own CRC.
          for (const { raw } of found?.inputs ?? []) {
            assert.equal(createHash("sha256").update(readFileSync(raw.path)).digest("hex"), raw.sha256);
            assert.equal(readFileSync(raw.path, "utf8"), `raw ${raw.id}`);
          }
        } catch (error) {
          refused += 1;
          assert.ok(error instanceof WhiskersError && error.code === "input-unreadable", String(error));
        } finally {
          for (const name of readdirSync(folder)) rmSync(path.join(folder, name));
        }
      }),
      { numRuns: 300 },
    );
    assert.ok(refused > 0);
  });
});
