import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { suite, test, type TestContext } from "node:test";
import { setTimeout as delay } from "node:timers/promises";

import { listTree } from "../../../test/fixtures/list-tree.ts";
import { putImage, putJson } from "../../../test/fixtures/put-image.ts";
import { tarArchive } from "../../../test/fixtures/tar-archive.ts";
import { type ErrorCode, WhiskersError } from "../../errors.ts";
import { MEDIA_TYPES } from "./descriptor.ts";
import { type ImageStore, openImageStore } from "./image-store.ts";
import { thisPlatform } from "./manifest.ts";
import { parseReference } from "./reference.ts";

const BASE = tarArchive([
  { name: "bin/python", mode: 0o755, content: "python" },
  { name: "lib", type: "2", linkName: "usr/lib" },
  { name: "usr/lib/a", content: "a" },
  { name: "usr/lib/b", type: "1", linkName: "usr/lib/a" },
]);
const CODE = tarArchive([{ name: "app/normalize.py", content: "1" }]);
const NEW_CODE = tarArchive([{ name: "app/normalize.py", content: "2" }, { name: "lib/.wh.b" }]);
const KEEP_NOTHING = { mostBytes: 0, oldestMs: 0 };

suite("roots", () => {
  test("an image is unpacked once, whoever asks and however many at once", async (t) => {
    const store = await temporaryStore(t);
    const { digest } = await putImage(store, { layers: [BASE, CODE] });
    const asked = await Promise.all([1, 2, 3].map(() => store.root(digest, { name: "nmap:1" })));
    assert.equal(new Set(asked.map(({ folder }) => folder)).size, 1);
    const [root] = asked;
    assert.ok(root !== undefined);
    assert.equal(root.name, "nmap:1");
    assert.equal(readFileSync(path.join(root.folder, "lib/a"), "utf8"), "a");
    const { ino } = statSync(root.folder);
    const other = await openImageStore(path.dirname(store.folder));
    t.after(() => {
      other.close();
    });
    assert.equal(statSync((await other.root(digest)).folder).ino, ino);
    assert.deepEqual(draftsOf(store), []);
  });

  test("images of the same layers have the same root, by whatever names and compression", async (t) => {
    const store = await temporaryStore(t);
    const one = await putImage(store, { layers: [BASE, CODE], annotations: { a: "1" } });
    const two = await putImage(store, { layers: [BASE, CODE], compression: "zstd" });
    assert.notEqual(one.digest, two.digest);
    assert.equal((await store.root(one.digest)).digest, (await store.root(two.digest)).digest);
  });

  test("a new layer on known ones is unpacked alone, and changes nothing of theirs", async (t) => {
    const store = await temporaryStore(t);
    const old = await putImage(store, { layers: [BASE, CODE] });
    const base = await store.root(old.digest, { layers: 1 });
    const first = await store.root(old.digest);
    const before = [listTree(base.folder), listTree(first.folder)];
    const next = await store.root((await putImage(store, { layers: [BASE, NEW_CODE] })).digest);
    const inode = ({ folder }: { readonly folder: string }): number =>
      statSync(path.join(folder, "bin/python")).ino;
    assert.equal(inode(next), inode(base));
    assert.equal(inode(first), inode(base));
    assert.deepEqual([listTree(base.folder), listTree(first.folder)], before);
    assert.ok(!readdirSync(path.join(next.folder, "usr/lib")).includes("b"));
    const alone = await temporaryStore(t);
    const same = await alone.root((await putImage(alone, { layers: [BASE, NEW_CODE] })).digest);
    assert.equal(same.digest, next.digest);
    assert.deepEqual(listTree(same.folder), listTree(next.folder));
    assert.deepEqual(timesOf(same.folder), timesOf(next.folder));
  });

  test("of an index, the image for this machine is unpacked", async (t) => {
    const store = await temporaryStore(t);
    const image = await putImage(store, { layers: [BASE] });
    const other = {
      ...image,
      digest: `sha256:${"0".repeat(64)}`,
      platform: { os: "plan9", architecture: "mips" },
    };
    const manifests = [other, { ...image, platform: thisPlatform() }];
    const index = await putJson(
      store,
      { schemaVersion: 2, mediaType: MEDIA_TYPES.index, manifests },
      MEDIA_TYPES.index,
    );
    assert.equal((await store.root(index.digest)).digest, (await store.root(image.digest)).digest);
  });

  test("what is wrong with an image is said, and nothing is left", async (t) => {
    const store = await temporaryStore(t);
    const wrong = await putImage(store, { layers: [BASE], diffIds: [`sha256:${"1".repeat(64)}`] });
    await assert.rejects(store.root(wrong.digest), isError("image-invalid", /its content is/u));
    const short = await putImage(store, { layers: [BASE], diffIds: [] });
    await assert.rejects(store.root(short.digest), isError("image-invalid", /1 layers, and digests of 0/u));
    const hostile = await putImage(store, { layers: [tarArchive([{ name: "../x" }])] });
    await assert.rejects(store.root(hostile.digest), isError("image-invalid", /a path with/u));
    const empty = await putImage(store, { layers: [] });
    await assert.rejects(store.root(empty.digest), isError("image-invalid", /without layers/u));
    await assert.rejects(
      store.root(`sha256:${"2".repeat(64)}`),
      isError("image-missing", /not in the image store/u),
    );
    const artifact = {
      schemaVersion: 2,
      config: wrong,
      layers: [{ ...wrong, mediaType: "application/wasm" }],
    };
    const config = await putJson(store, { rootfs: { diff_ids: [wrong.digest] } }, MEDIA_TYPES.config);
    const manifest = await putJson(store, { ...artifact, config }, MEDIA_TYPES.manifest);
    await assert.rejects(
      store.root(manifest.digest),
      isError("image-invalid", /application\/wasm is no file system/u),
    );
    assert.deepEqual(draftsOf(store), []);
    assert.deepEqual(rootsOf(store), []);
  });

  test("a layer that the disk changed is damaged, not invalid", async (t) => {
    const store = await temporaryStore(t);
    const { digest } = await putImage(store, { layers: [BASE], compression: "none" });
    const manifest = JSON.parse((await store.read(digest, 10_000)).toString());
    const file = path.join(store.folder, "blobs/sha256", manifest.layers[0].digest.slice(7));
    const content = readFileSync(file);
    content[600] = 0x21;
    writeFileSync(file, content);
    await assert.rejects(store.root(digest), isError("image-damaged", /it is removed/u));
    await assert.rejects(store.root(digest), isError("image-missing", /layer/u));
  });

  test("limits of size and number hold over all layers", async (t) => {
    const home = temporaryHome(t);
    const store = await openImageStore(home, { unpackLimits: { mostBytes: 10_000, mostEntries: 8 } });
    const layer = (name: string) => tarArchive([{ name, content: "x".repeat(3500) }]);
    const many = tarArchive(Array.from({ length: 5 }, (_, number) => ({ name: `f${number}` })));
    const large = await putImage(store, { layers: [layer("a"), layer("b")] });
    await assert.rejects(store.root(large.digest), isError("image-too-large", /more than 10000 bytes/u));
    const numerous = await putImage(store, { layers: [many, many] });
    await assert.rejects(store.root(numerous.digest), isError("image-too-large", /more than 8 entries/u));
  });

  test("unpacking can be cancelled, and leaves nothing", async (t) => {
    const store = await temporaryStore(t);
    const large = tarArchive(
      Array.from({ length: 64 }, (_, n) => ({ name: `f${n}`, content: Buffer.alloc(2 ** 20) })),
    );
    const { digest } = await putImage(store, { layers: [large] });
    const controller = new AbortController();
    const unpacking = store.root(digest, { signal: controller.signal });
    while (draftsOf(store).length === 0) await delay(1);
    controller.abort();
    await assert.rejects(unpacking, isError("cancelled", /cancelled/u));
    assert.deepEqual(draftsOf(store), []);
    assert.deepEqual(rootsOf(store), []);
  });

  test("that one gives up is no reason for the others who ask for the same", async (t) => {
    const store = await temporaryStore(t);
    const large = tarArchive(
      Array.from({ length: 64 }, (_, n) => ({ name: `f${n}`, content: Buffer.alloc(2 ** 20) })),
    );
    const { digest } = await putImage(store, { layers: [large] });
    const controller = new AbortController();
    // Whichever comes first does the work.
    const patient = [store.root(digest)];
    const impatient = store.root(digest, { signal: controller.signal });
    patient.push(store.root(digest));
    while (draftsOf(store).length === 0) await delay(1);
    controller.abort();
    await assert.rejects(impatient, isError("cancelled", /cancelled/u));
    for (const { folder } of await Promise.all(patient)) assert.equal(readdirSync(folder).length, 64);
  });

  test("waiting for the store can be cancelled", async (t) => {
    const store = await temporaryStore(t);
    const signal = AbortSignal.abort();
    await assert.rejects(store.hold(signal), isError("cancelled", /cancelled/u));
    await assert.rejects(store.gc(KEEP_NOTHING, signal), isError("cancelled", /cancelled/u));
  });

  test("gc removes a root that nobody uses, and none that somebody does", async (t) => {
    const store = await temporaryStore(t);
    const { digest } = await putImage(store, { layers: [BASE] });
    const user = await openImageStore(path.dirname(store.folder));
    const { folder } = await user.root(digest);
    await store.gc(KEEP_NOTHING);
    assert.equal(readFileSync(path.join(folder, "bin/python"), "utf8"), "python");
    user.close();
    await store.gc(KEEP_NOTHING);
    assert.deepEqual(rootsOf(store), []);
    assert.deepEqual(draftsOf(store), []);
  });
});

test("unpacking killed at random moments leaves whole roots or none", { timeout: 60_000 }, async (t) => {
  const store = await temporaryStore(t);
  const files = Array.from({ length: 120 }, (_, n) => ({
    name: `d${n % 7}/f${n}`,
    content: `${n}`.repeat(500),
  }));
  const image = await putImage(store, { layers: [tarArchive(files), CODE] });
  await store.tag(parseReference("kept"), image);
  const fixture = path.join(import.meta.dirname, "../../../test/fixtures/image-unpacker.ts");
  let cutShort = 0;
  for (let round = 0; round < 6; round += 1) {
    const child = spawn(process.execPath, [fixture, path.dirname(store.folder), image.digest], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    await once(child.stdout, "data");
    await delay(Math.random() * 150);
    child.kill("SIGKILL");
    await once(child, "close");
    cutShort += draftsOf(store).length > 0 ? 1 : 0;
    for (const name of rootsOf(store)) {
      const tree = listTree(path.join(store.folder, "roots", name, "tree"));
      assert.equal(tree.filter((line) => line.includes(": file")).length, 121);
    }
    await store.gc(KEEP_NOTHING);
    assert.deepEqual([draftsOf(store), rootsOf(store)], [[], []]);
  }
  t.diagnostic(`${cutShort} of 6 were cut short while they wrote`);
  await store.root(image.digest);
});

function timesOf(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .map((name) => `${name} ${statSync(path.join(folder, name)).mtimeMs}`)
    .toSorted();
}

function draftsOf(store: ImageStore): readonly string[] {
  return readdirSync(path.join(store.folder, "drafts"));
}

function rootsOf(store: ImageStore): readonly string[] {
  return readdirSync(path.join(store.folder, "roots"));
}

function isError(code: ErrorCode, message: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof WhiskersError, String(error));
    assert.equal(error.code, code, error.message);
    assert.match(error.message, message);
    return true;
  };
}

async function temporaryStore(t: TestContext): Promise<ImageStore> {
  const store = await openImageStore(temporaryHome(t));
  t.after(() => {
    store.close();
  });
  return store;
}

function temporaryHome(t: TestContext): string {
  const home = mkdtempSync(path.join(tmpdir(), "whiskers-roots-"));
  t.after(() => {
    rmSync(home, { recursive: true, force: true });
  });
  return home;
}
