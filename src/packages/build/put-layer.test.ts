import assert from "node:assert/strict";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";

import { openImageStore } from "../images/image-store.ts";
import { putLayer } from "./put-layer.ts";

test("a layer has these bytes on every machine; it is made once", async (t) => {
  const home = mkdtempSync(path.join(tmpdir(), "whiskers-put-layer-"));
  t.after(() => {
    rmSync(home, { recursive: true, force: true });
  });
  const folder = path.join(home, "source");
  mkdirSync(path.join(folder, "deep/er"), { recursive: true });
  // Enough of everything for zlib's three ways to search: repeated, nearly repeated, noise.
  let noise = 1;
  const bytes = Buffer.from(
    Array.from({ length: 300_000 }, (_, index) => {
      noise = (noise * 48_271) % 2_147_483_647;
      return index % 3 === 0 ? noise & 0xff : 97 + (index % 23);
    }),
  );
  writeFileSync(path.join(folder, "deep/er/noise"), bytes);
  writeFileSync(path.join(folder, "code.py"), "def run(meta, raw):\n    return []\n".repeat(500));
  chmodSync(path.join(folder, "code.py"), 0o755);
  const store = await openImageStore(home);
  const options = { store, home, signal: t.signal };
  const layer = await putLayer([{ folder, place: "whiskers/package" }], "sha256:source", options);
  assert.deepEqual(layer, GOLDEN);
  rmSync(folder, { recursive: true });
  assert.deepEqual(await putLayer([{ folder, place: "whiskers/package" }], "sha256:source", options), layer);
});

/** Also what this gave on AArch64, and on an x86-64 without SSE4.2 and PCLMUL, emulated by QEMU. */
const GOLDEN = {
  descriptor: {
    mediaType: "application/vnd.oci.image.layer.v1.tar+gzip",
    digest: "sha256:d871955c02ac77e0f7ff405497f7b8191f88d2ad0be67271799c1edc975e16c1",
    size: 172113,
  },
  diffId: "sha256:0ef4a4fa9efac3664f4d2abb17caa82222d2fd60865260f0771979b277fe34c1",
};
