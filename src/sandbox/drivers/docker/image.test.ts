import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";

import { EngineError } from "./engine.ts";
import type { Engine, EngineRequest } from "./engine.ts";
import { provideImage } from "./image.ts";
import type { LayerParts, MadeImage } from "./image.ts";

const layer = (text: string): LayerParts => ({
  entries: () => [{ kind: "file", path: "word", mode: 0o644, content: Buffer.from(text) }],
});

/** Keeps what it was sent by name, and refuses the archives that it is told to. */
class FakeEngine {
  /** Names of what is in each archive, one for each load. */
  readonly loads: (readonly string[])[] = [];
  refused: readonly number[] = [];
  image: { readonly Id: string; readonly RootFS: { readonly Layers: readonly string[] } } | null = null;

  async ask(_method: string, asked: string, { tar }: EngineRequest = {}): Promise<unknown> {
    if (tar === undefined) {
      if (this.image !== null && asked.includes("whiskers-sandbox:")) return this.image;
      throw new EngineError(404, "No such image");
    }
    const chunks: Buffer[] = [];
    for await (const chunk of tar) chunks.push(chunk as Buffer);
    const files = filesIn(Buffer.concat(chunks));
    this.loads.push([...files.keys()]);
    if (this.refused.includes(this.loads.length)) throw new EngineError(500, "layer not found");
    const config = [...files.values()].find((text) => text.includes('"diff_ids"')) ?? "";
    const { rootfs } = JSON.parse(config) as { rootfs: { diff_ids: readonly string[] } };
    this.image = { Id: `sha256:${"e".repeat(64)}`, RootFS: { Layers: rootfs.diff_ids } };
    return { stream: "Loaded image" };
  }
}

describe("an engine that refuses what leaves a layer out", () => {
  let engine: FakeEngine;
  let stateDirectory: string;
  beforeEach(() => {
    engine = new FakeEngine();
    stateDirectory = mkdtempSync(path.join(tmpdir(), "whiskers-image-"));
  });
  afterEach(() => {
    rmSync(stateDirectory, { recursive: true, force: true });
  });
  const provide = (layers: readonly LayerParts[]): Promise<MadeImage> =>
    provideImage(
      engine as unknown as Engine,
      { description: "a test", layers },
      { stateDirectory, draftName: "draft" },
      { known: null },
    );
  const onRoot = async (): Promise<readonly LayerParts[]> => {
    const root = await provide([layer("root")]);
    engine.loads.length = 0;
    engine.image = null;
    return [{ ...layer("root"), known: root.layers[0] }, layer("package")];
  };

  it("gets it as a layout, in which it may be left out", async () => {
    const layers = await onRoot();
    engine.refused = [1];
    const made = await provide(layers);
    assert.equal(made.id, `sha256:${"e".repeat(64)}`);
    const [first, second] = engine.loads;
    assert.equal(engine.loads.length, 2);
    assert.ok(first?.includes("manifest.json"));
    assert.deepEqual(second?.slice(0, 2), ["oci-layout", "index.json"]);
    const blobs = second?.filter((name) => name.startsWith("blobs/")) ?? [];
    assert.equal(blobs.length, 3, "a manifest, a configuration and the layer that is new");
    assert.ok(!blobs.some((name) => made.layers[0]?.diffId.endsWith(path.basename(name))));
    assert.ok(blobs.some((name) => made.layers[1]?.diffId.endsWith(path.basename(name))));
  });

  it("gets all layers when it has that one no more", async () => {
    const layers = await onRoot();
    engine.refused = [1, 2];
    await provide(layers);
    assert.equal(engine.loads.length, 3);
    assert.equal(engine.loads[2]?.filter((name) => name.endsWith(".tar")).length, 2);
  });

  it("is not sent again what it has under another digest", async () => {
    const first = await provide([layer("root")]);
    const again = await provide([layer("root")]);
    assert.deepEqual(again, first);
    assert.equal(engine.loads.length, 1);
  });
});

/** Of a tar archive: names, and contents as text. */
function filesIn(tar: Buffer): ReadonlyMap<string, string> {
  const files = new Map<string, string>();
  for (let at = 0; at + 512 <= tar.length && tar[at] !== 0;) {
    const text = (from: number, length: number): string =>
      tar.toString("latin1", at + from, at + from + length).split("\0", 1)[0] ?? "";
    const size = Number.parseInt(text(124, 12), 8);
    files.set(text(0, 100), tar.toString("latin1", at + 512, at + 512 + size));
    at += 512 + Math.ceil(size / 512) * 512;
  }
  return files;
}
