/** The plain start of the SDKs: what an image does by `docker run -i`. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, suite, test } from "node:test";

import type { NormalizerMeta } from "../../src/domain/meta.ts";
import { normalizerMeta } from "../../src/raw/normalizer-meta.ts";
import { openInputs } from "../../src/raw/open-inputs.ts";

const SDK = path.resolve(import.meta.dirname, "..");
const PYTHON = `import json, whiskers.log as log
def run(meta, raw):
    print("printed")
    log.warning("logged")
    if raw == b"fail":
        raise ValueError("asked to")
    yield {"object_type": "Network", "name": json.dumps(meta)}
    yield {"object_type": "Network", "name": meta.raws[0].content.decode()}
`;
const TYPESCRIPT = `import { log } from "whiskers";
export async function* run(meta, raw) {
  console.log("printed");
  log.warning("logged");
  if (raw.toString() === "fail") throw new Error("asked to");
  yield { object_type: "Network", name: JSON.stringify(meta) };
  yield { object_type: "Network", name: meta.raws[0].content.toString() };
  if (raw.toString() === "wait") await new Promise(() => {});
}
`;

const PHP = `<?php
function run($meta, $raw): iterable {
    print("printed\\n");
    \\Whiskers\\Log::warning("logged");
    if ($raw === "fail") throw new RuntimeException("asked to");
    if ($raw === "exit") exit(0);
    yield ["object_type" => "Network", "name" => json_encode($meta)];
    yield ["object_type" => "Network", "name" => $meta->raws[0]->content];
}
`;
const MOVED = ["sh", "-c", 'exec "$@" 3<&0 4>&1 </dev/null >&2', "sh", "php", "-d", "display_errors=stderr"];

for (const [language, argv, entrypoint] of [
  ["python", ["python3", "-S", "-s", path.join(SDK, "python/plain.py")], "normalize:run"],
  [
    "javascript",
    [process.execPath, "--no-warnings", path.join(SDK, "typescript/plain.ts")],
    "normalize.ts:run",
  ],
  ["php", [...MOVED, path.join(SDK, "php/plain.php")], "normalize.php:run"],
] as const) {
  suite(`the plain start of the ${language} SDK`, () => {
    let folder = "";
    before(() => {
      folder = mkdtempSync(path.join(tmpdir(), "whiskers-plain-"));
      writeFileSync(path.join(folder, "normalizer.json"), JSON.stringify({ id: "plain", version: "1.2" }));
      writeFileSync(path.join(folder, "normalize.py"), PYTHON);
      writeFileSync(path.join(folder, "normalize.ts"), TYPESCRIPT);
      writeFileSync(path.join(folder, "normalize.php"), PHP);
    });
    after(() => {
      rmSync(folder, { recursive: true });
    });
    const run = (input: string, env = {}): ReturnType<typeof spawnSync> => {
      const [program, ...args] = argv;
      const own = { WHISKERS_PACKAGE: folder, WHISKERS_ENTRYPOINT: entrypoint };
      return spawnSync(program, args, {
        input,
        encoding: "utf8",
        env: { PATH: process.env["PATH"], ...own, ...env },
      });
    };
    const names = (ran: ReturnType<typeof run>): readonly string[] =>
      String(ran.stdout)
        .trimEnd()
        .split("\n")
        .map((line) => String(JSON.parse(line).name));

    test("records on standard output, prints and log on standard error, status 0; the meta that the host makes", async (t) => {
      const ran = run("content");
      assert.equal(ran.status, 0, String(ran.stderr));
      const [meta = "", content] = names(ran);
      assert.equal(content, "content");
      assert.match(String(ran.stderr), /printed[^]*warning: logged/u);
      const raw = path.join(folder, "raw");
      writeFileSync(raw, "content");
      const { inputs } = await openInputs([raw], t.signal);
      assert.ok(inputs[0] !== undefined);
      const wanted: NormalizerMeta = normalizerMeta(inputs[0], { id: "plain", version: "1.2" });
      // PHP has one kind of array: an empty one is written as a list.
      const told = language === "php" ? meta.replace('"arguments":[]', '"arguments":{}') : meta;
      assert.deepEqual(JSON.parse(told), wanted);
    });

    test("a meta that is given is taken", () => {
      const file = path.join(folder, "meta.json");
      const given = { id: "x", raw_data: { id: "y", mime_types: [{ value: "a/b" }] } };
      writeFileSync(file, JSON.stringify(given));
      const [meta = ""] = names(run("content", { WHISKERS_META: file }));
      assert.deepEqual(JSON.parse(meta), given);
    });

    test("a normalizer that raises, or cannot be loaded, ends with status 1 and its reason", () => {
      const raised = run("fail");
      assert.deepEqual([raised.status, raised.stdout], [1, ""]);
      assert.match(String(raised.stderr), /asked to/u);
      const missing = run("content", { WHISKERS_ENTRYPOINT: entrypoint.replace("normalize", "missing") });
      assert.deepEqual([missing.status, missing.stdout], [1, ""]);
      assert.match(String(missing.stderr), /missing/u);
    });

    if (language === "php") {
      test("one that ends its own process has failed", () => {
        const ran = run("exit");
        assert.equal(ran.status, 1);
        assert.match(String(ran.stderr), /exit/u);
      });
    }
    // In Python waiting for nothing is waiting.
    if (language === "javascript") {
      test("one that waits for ever for nothing ends with status 1", () => {
        assert.equal(run("wait").status, 1);
      });
    }
  });
}
