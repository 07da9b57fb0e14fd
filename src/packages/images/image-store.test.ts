import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { suite, test, type TestContext } from "node:test";
import { setTimeout as delay } from "node:timers/promises";

import { type ErrorCode, WhiskersError } from "../../errors.ts";
import { attachNew } from "../trust/attachment.ts";
import { MEDIA_TYPES } from "./descriptor.ts";
import { type ImageStore, openImageStore } from "./image-store.ts";
import { parseReference } from "./reference.ts";

const KEEP_NOTHING = { mostBytes: 0, oldestMs: 0 };
const KEEP_ALL = { mostBytes: Number.MAX_SAFE_INTEGER, oldestMs: 3_600_000 };

suite("put and open", () => {
  test("content comes back by its digest, once stored however often it is put", async (t) => {
    const store = await temporaryStore(t);
    const content = randomBytes(700_000);
    const first = await store.put(pieces(content), { mediaType: "a/b" });
    assert.deepEqual(first, { mediaType: "a/b", digest: digestOf(content), size: content.length });
    assert.deepEqual(await store.put(pieces(content), { mediaType: "a/b" }), first);
    assert.deepEqual(blobsOf(store), [first.digest.slice(7)]);
    assert.deepEqual(await store.read(first.digest, content.length), content);
    assert.equal(await store.sizeOf(first.digest), content.length);
    assert.equal(await store.sizeOf(digestOf(Buffer.from("other"))), null);
  });

  test("what is there already is not read again", async (t) => {
    const store = await temporaryStore(t);
    const { digest } = await store.put(pieces(Buffer.from("x")));
    let isRead = false;
    await store.put(
      (offset) => {
        isRead = true;
        return pieces(Buffer.from("x").subarray(offset));
      },
      { digest },
    );
    assert.equal(isRead, false);
  });

  for (const [what, expected] of [
    ["another digest", { digest: digestOf(Buffer.from("other")) }],
    ["fewer bytes", { size: 1_000_001 }],
    ["more bytes", { size: 999_999 }],
  ] as const) {
    test(`${what} than expected leaves nothing`, async (t) => {
      const store = await temporaryStore(t);
      const content = randomBytes(1_000_000);
      await assert.rejects(store.put(pieces(content), expected), isError("content-mismatch"));
      assert.deepEqual(blobsOf(store), []);
      assert.deepEqual(draftsOf(store), []);
    });
  }

  test("endless content is cut off at the size that was expected", async (t) => {
    const store = await temporaryStore(t);
    let given = 0;
    const endless = async function* (): AsyncGenerator<Buffer> {
      for (;;) {
        given += 65_536;
        yield Buffer.alloc(65_536);
      }
    };
    await assert.rejects(store.put(endless(), { size: 200_000 }), isError("content-mismatch"));
    assert.ok(given < 400_000, `${given} bytes were taken`);
  });

  test("a download that broke goes on where it ended, also in another process", async (t) => {
    const store = await temporaryStore(t);
    const content = randomBytes(900_000);
    const expected = { digest: digestOf(content), size: content.length };
    const offsets: number[] = [];
    const from = (offset: number, until: number) => {
      offsets.push(offset);
      return pieces(content.subarray(offset, until), until < content.length);
    };
    await assert.rejects(
      store.put((offset) => from(offset, 400_000), expected),
      /broken off/u,
    );
    const again = await openImageStore(path.dirname(store.folder));
    await again.put((offset) => from(offset, content.length), expected);
    assert.deepEqual(offsets, [0, 400_000]);
    assert.deepEqual(await store.read(expected.digest, content.length), content);
    assert.deepEqual(draftsOf(store), []);
  });

  test("a part that was changed meanwhile is noticed, and not kept", async (t) => {
    const store = await temporaryStore(t);
    const content = randomBytes(200_000);
    const expected = { digest: digestOf(content), size: content.length };
    const partial = path.join(store.folder, "drafts", `partial-${expected.digest.slice(7)}`);
    writeFileSync(partial, randomBytes(100_000));
    const rest = (offset: number): AsyncIterable<Buffer> => pieces(content.subarray(offset));
    await assert.rejects(store.put(rest, expected), isError("content-mismatch"));
    await store.put(rest, expected);
  });

  test("damaged content is noticed when it is read, and removed", async (t) => {
    const store = await temporaryStore(t);
    const { digest } = await store.put(pieces(randomBytes(1000)));
    truncateSync(path.join(store.folder, "blobs/sha256", digest.slice(7)), 500);
    await assert.rejects(store.read(digest, 1000), isError("image-damaged"));
    await assert.rejects(store.read(digest, 1000), isError("image-missing"));
  });

  test("no digest leads out of the store", async (t) => {
    const store = await temporaryStore(t);
    for (const digest of ["sha256:../../x", "../x", "", `sha512:${"a".repeat(64)}`]) {
      await assert.rejects(store.read(digest, 1), isError("reference-invalid"));
    }
  });

  test("many at once put the same and different things", async (t) => {
    const store = await temporaryStore(t);
    const contents = Array.from({ length: 5 }, () => randomBytes(300_000));
    await Promise.all([...contents, ...contents, ...contents].map((content) => store.put(pieces(content))));
    assert.deepEqual(blobsOf(store), contents.map((content) => digestOf(content).slice(7)).toSorted());
    assert.deepEqual(draftsOf(store), []);
  });
});

suite("references in the store", () => {
  test("are tagged, moved, listed, resolved and removed", async (t) => {
    const store = await temporaryStore(t);
    const [one, two] = [await putImage(store, "1"), await putImage(store, "2")];
    const [nmap, dig] = [parseReference("localhost:5000/nmap:1"), parseReference("dig")];
    await store.tag(nmap, one);
    await store.tag(dig, one);
    await store.tag(nmap, two);
    assert.deepEqual(await store.resolve(nmap), two);
    assert.deepEqual(await store.resolve(parseReference(`nmap@${one.digest}`)), one);
    assert.equal(await store.resolve(parseReference("nmap")), null);
    assert.deepEqual(
      (await store.list()).map(({ reference, descriptor }) => [reference.repository, descriptor.digest]),
      [
        ["library/dig", one.digest],
        ["nmap", two.digest],
      ],
    );
    assert.equal(await store.remove(dig), true);
    assert.equal(await store.remove(dig), false);
    assert.equal(await store.resolve(dig), null);
  });

  test("a file that holds something else is no reference, and hurts nobody", async (t) => {
    const store = await temporaryStore(t);
    for (const [name, text] of Object.entries({
      a: "",
      b: "{}",
      c: '{"reference":"../x","descriptor":{}}',
    })) {
      writeFileSync(path.join(store.folder, "references", `${name}.json`), text);
    }
    assert.deepEqual(await store.list(), []);
  });
});

suite("gc", () => {
  test("removes what nothing names, and never what is tagged, nor what that leads to", async (t) => {
    const store = await temporaryStore(t);
    const image = await putImage(store, "tagged");
    await store.tag(parseReference("a"), image);
    const kept = blobsOf(store);
    const loose = await putImage(store, "loose");
    const { ran, removed, keptBytes } = await store.gc(KEEP_NOTHING);
    assert.deepEqual({ ran, removed }, { ran: true, removed: 3 });
    assert.deepEqual(blobsOf(store), kept);
    assert.ok(keptBytes > 0);
    assert.equal(await store.sizeOf(loose.digest), null);
    assert.equal((await store.gc(KEEP_NOTHING)).removed, 0);
  });

  test("what belongs to an image is kept as long as the image, and no longer", async (t) => {
    const store = await temporaryStore(t);
    const image = await putImage(store, "image");
    await store.tag(parseReference("kept:1"), image);
    const parts = {
      artifactType: "application/vnd.example",
      config: { mediaType: MEDIA_TYPES.empty, text: Buffer.from("{}") },
      layers: [{ mediaType: "text/plain", content: Buffer.from("signature") }],
    };
    const attachment = await attachNew(store, image, parts);
    await store.gc(KEEP_NOTHING);
    assert.deepEqual(await store.attached(image.digest), [attachment.descriptor]);
    for (const { digest } of [
      attachment.descriptor,
      attachment.manifest.config,
      ...attachment.manifest.layers,
    ]) {
      assert.notEqual(await store.sizeOf(digest), null);
    }
    await store.remove(parseReference("kept:1"));
    await store.gc(KEEP_NOTHING);
    assert.deepEqual(await store.attached(image.digest), []);
    assert.deepEqual(readdirSync(path.join(store.folder, "attached")), []);
    assert.deepEqual(blobsOf(store), []);
  });

  test("is bounded by age and by size: what was used longest ago goes first", async (t) => {
    const store = await temporaryStore(t);
    const digests: string[] = [];
    for (let age = 5; age > 0; age -= 1) {
      const { digest } = await store.put(pieces(randomBytes(1000)));
      const when = new Date(Date.now() - age * 60_000);
      utimesSync(path.join(store.folder, "blobs/sha256", digest.slice(7)), when, when);
      digests.push(digest.slice(7));
    }
    assert.equal((await store.gc(KEEP_ALL)).removed, 0);
    assert.equal((await store.gc({ ...KEEP_ALL, oldestMs: 4.5 * 60_000 })).removed, 1);
    assert.equal((await store.gc({ ...KEEP_ALL, mostBytes: 2000 })).keptBytes, 2000);
    assert.deepEqual(blobsOf(store), digests.slice(3).toSorted());
  });

  test("waits for whoever holds the store, and gives way to them", async (t) => {
    const store = await temporaryStore(t);
    await putImage(store, "loose");
    const hold = await store.hold();
    const other = await openImageStore(path.dirname(store.folder));
    const collecting = other.gc(KEEP_NOTHING);
    await delay(100);
    assert.equal(blobsOf(store).length, 3);
    hold.release();
    assert.equal((await collecting).removed, 3);
  });

  test("a damaged manifest of a reference stops nothing", async (t) => {
    const store = await temporaryStore(t);
    const image = await putImage(store, "x");
    await store.tag(parseReference("a"), image);
    writeFileSync(path.join(store.folder, "blobs/sha256", image.digest.slice(7)), "{");
    assert.equal((await store.gc(KEEP_ALL)).ran, true);
  });
});

test(
  "writers and collectors killed at random moments leave a valid store",
  { timeout: 60_000 },
  async (t) => {
    const store = await temporaryStore(t);
    for (let round = 0; round < 6; round += 1) {
      const children = [0, 1].map(() =>
        spawn(
          process.execPath,
          [
            path.join(import.meta.dirname, "../../../test/fixtures/image-writer.ts"),
            path.dirname(store.folder),
          ],
          {
            stdio: ["ignore", "pipe", "inherit"],
          },
        ),
      );
      await Promise.all(children.map((child) => once(child.stdout, "data")));
      await delay(Math.random() * 120);
      for (const child of children) child.kill("SIGKILL");
      await Promise.all(children.map((child) => once(child, "close")));
      await assertValid(store);
    }
    assert.ok((await store.list()).length > 0);
    assert.equal((await store.gc(KEEP_NOTHING)).ran, true);
    assert.deepEqual(draftsOf(store), []);
    await assertValid(store);
  },
);

/** Every blob is what its name says, and everything that is tagged is there. */
async function assertValid(store: ImageStore): Promise<void> {
  for (const hex of blobsOf(store)) {
    const content = readFileSync(path.join(store.folder, "blobs/sha256", hex));
    assert.equal(digestOf(content), `sha256:${hex}`);
  }
  const files = readdirSync(path.join(store.folder, "references"));
  const tagged = await store.list();
  assert.equal(tagged.length, files.length);
  for (const { descriptor } of tagged) {
    const manifest = JSON.parse((await store.read(descriptor.digest, 10_000)).toString());
    for (const { digest } of [manifest.config, ...manifest.layers])
      assert.notEqual(await store.sizeOf(digest), null);
  }
}

/** An image without an archive in it. */
async function putImage(store: ImageStore, name: string) {
  const config = await store.put(pieces(Buffer.from(JSON.stringify({ name }))), {
    mediaType: MEDIA_TYPES.config,
  });
  const layer = await store.put(pieces(Buffer.from(name)), { mediaType: MEDIA_TYPES.layerTar });
  const manifest = { schemaVersion: 2, mediaType: MEDIA_TYPES.manifest, config, layers: [layer] };
  return store.put(pieces(Buffer.from(JSON.stringify(manifest))), { mediaType: MEDIA_TYPES.manifest });
}

async function* pieces(content: Buffer, breaksOff = false): AsyncGenerator<Buffer> {
  for (let at = 0; at < content.length; at += 50_000) yield content.subarray(at, at + 50_000);
  if (breaksOff) throw new Error("broken off");
}

function blobsOf(store: ImageStore): readonly string[] {
  return readdirSync(path.join(store.folder, "blobs/sha256")).toSorted();
}

function draftsOf(store: ImageStore): readonly string[] {
  return readdirSync(path.join(store.folder, "drafts"));
}

function digestOf(content: Buffer): string {
  return `sha256:${createHash("sha256").update(content).digest("hex")}`;
}

function isError(code: ErrorCode): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof WhiskersError, String(error));
    assert.equal(error.code, code, error.message);
    return true;
  };
}

async function temporaryStore(t: TestContext): Promise<ImageStore> {
  const home = mkdtempSync(path.join(tmpdir(), "whiskers-images-"));
  t.after(() => {
    rmSync(home, { recursive: true, force: true });
  });
  return openImageStore(home);
}
