import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, suite, test } from "node:test";

import type { Input } from "./input.ts";
import { normalizerMeta } from "./normalizer-meta.ts";
import { openInputs } from "./open-inputs.ts";
import { parseMeta } from "./raw-meta.ts";
import { selectInputs } from "./select-inputs.ts";
import { buildZip, rawMetaJson } from "../../test/fixtures/build-zip.ts";

const A = "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa";
const B = "bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb";

let folder = "";
const at = (name: string): string => path.join(folder, name);

suite("openInputs", () => {
  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), "whiskers-inputs-"));
  });
  afterEach(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  test("a file is a raw where it lies, with an id from its bytes", async () => {
    writeFileSync(at("x.xml"), "<x/>");
    writeFileSync(at("y.xml"), "<x/>");
    await using opened = await openInputs([at("x.xml"), at("y.xml")]);
    const [x, y] = opened.inputs;
    assert.equal(x?.raw.path, at("x.xml"));
    assert.equal(x?.raw.sha256, createHash("sha256").update("<x/>").digest("hex"));
    assert.equal(x?.raw.id, y?.raw.id);
    assert.match(x?.raw.id ?? "", /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/u);
    assert.equal(x?.rawMeta, null);
  });

  test("a folder holds raws and their metas, in the order of their names; the rest is skipped with a reason", async () => {
    writeFileSync(at(B), "b");
    writeFileSync(at(`raw_meta_${B}.json`), rawMetaJson(B, ["text/html"]));
    writeFileSync(at("a.json"), "{}");
    writeFileSync(at(".hidden"), "");
    mkdirSync(at("below"));
    symlinkSync("a.json", at("c-link"));
    execFileSync("mkfifo", [at("pipe")]);
    await using opened = await openInputs([folder]);
    assert.deepEqual(
      opened.inputs.map(({ name, raw }) => [path.basename(name), raw.mimeTypes]),
      [
        ["a.json", []],
        [B, ["text/html"]],
        ["c-link", []],
      ],
    );
    assert.deepEqual(
      opened.skipped.map(({ name, reason }) => [path.basename(name), reason]),
      [
        [".hidden", "hidden"],
        ["below", "a folder"],
        ["pipe", "no regular file"],
      ],
    );
  });

  test("a meta in a folder has to belong to a raw beside it", async () => {
    writeFileSync(at(`raw_meta_${A}.json`), rawMetaJson(A, []));
    await assert.rejects(openInputs([folder]), {
      code: "input-unreadable",
      message: /describes aaaa.* not there/u,
    });
    writeFileSync(at(A), "");
    writeFileSync(at(`raw_meta_${A}.json`), rawMetaJson(B, []));
    await assert.rejects(openInputs([folder]), {
      code: "input-unreadable",
      message: /the meta of bbbb.*, not of aaaa/u,
    });
  });

  test("a download is unpacked into a folder of its own, which is removed", async () => {
    writeFileSync(
      at("d.zip"),
      buildZip([
        { name: A, content: "x" },
        { name: `raw_meta_${A}.json`, content: rawMetaJson(A, []) },
      ]),
    );
    let unpacked = "";
    {
      await using opened = await openInputs([at("d.zip"), at("d.zip")]);
      unpacked = opened.inputs[0]?.raw.path ?? "";
      assert.equal(opened.inputs.length, 2);
      assert.ok(existsSync(unpacked));
    }
    assert.ok(!existsSync(path.dirname(unpacked)));
  });

  test("a ZIP of something else is a raw by itself", async () => {
    writeFileSync(at("d.zip"), buildZip([{ name: "word/document.xml", content: "x" }]));
    await using opened = await openInputs([at("d.zip")]);
    assert.equal(opened.inputs[0]?.raw.path, at("d.zip"));
  });

  test("a pipe is read to its end, also when it holds a download", async () => {
    execFileSync("mkfifo", [at("pipe")]);
    writeFileSync(
      at("d.zip"),
      buildZip([
        { name: A, content: "x" },
        { name: `raw_meta_${A}.json`, content: rawMetaJson(A, []) },
      ]),
    );
    const writer = spawn("sh", ["-c", `cat ${at("d.zip")} > ${at("pipe")}`], { stdio: "ignore" });
    await using opened = await openInputs([at("pipe")]);
    assert.equal(opened.inputs[0]?.raw.id, A);
    await new Promise((resolve) => (writer.exitCode === null ? writer.once("exit", resolve) : resolve(null)));
  });

  test("what cannot be read is named, and leaves nothing behind", async () => {
    await assert.rejects(openInputs([at("none")]), {
      code: "input-unreadable",
      message: /none: no such file/u,
    });
    await assert.rejects(openInputs([`${folder}/none/x`]), { code: "input-unreadable" });
    writeFileSync(at("x"), "");
    await assert.rejects(openInputs([at("x/y")]), { code: "input-unreadable", message: /part of the path/u });
  });

  test("stops when it is told to", async () => {
    writeFileSync(at("x"), "");
    await assert.rejects(openInputs([at("x")], AbortSignal.abort()), { name: "AbortError" });
  });
});

suite("selectInputs", () => {
  const input = (mimeTypes: readonly string[], known = true): Input => ({
    name: mimeTypes.join(),
    raw: { id: A, path: "/x", sizeBytes: 0, sha256: "", mimeTypes },
    rawMeta: known ? meta(mimeTypes) : null,
  });

  test("takes what is consumed and says why not for the rest", () => {
    const inputs = [
      input(["boefje/nmap", "x/y"]),
      input(["text/html"]),
      input([], false),
      input(["error/boefje"]),
    ];
    const chosen = selectInputs({ inputs, skipped: [{ name: "before", reason: "r" }] }, [
      "boefje/nmap",
      "normalizer/n",
    ]);
    assert.deepEqual(chosen.inputs, [inputs[0], inputs[2]]);
    assert.deepEqual(
      chosen.skipped.map(({ name }) => name),
      ["before", "text/html", "error/boefje"],
    );
    assert.match(chosen.skipped[1]?.reason ?? "", /text\/html.*consumed/u);
    assert.match(chosen.skipped[2]?.reason ?? "", /the scan failed/u);
  });

  test("a normalizer that names no mime types takes everything but failures", () => {
    const chosen = selectInputs({ inputs: [input(["text/html"]), input(["error/boefje"])], skipped: [] }, [
      "normalizer/n",
    ]);
    assert.equal(chosen.inputs.length, 1);
  });
});

suite("normalizerMeta", () => {
  const bare: Input = {
    name: "x",
    raw: { id: A, path: "/x", sizeBytes: 0, sha256: "", mimeTypes: [] },
    rawMeta: null,
  };
  const normalizer = { id: "n", version: "1" };

  test("of a bare file follows from the file alone, and says what OpenKAT would of an upload for this normalizer", () => {
    const made = normalizerMeta(bare, normalizer);
    assert.deepEqual(made, normalizerMeta(bare, normalizer));
    assert.notEqual(made.id, normalizerMeta(bare, { id: "m", version: "1" }).id);
    assert.deepEqual(made.raw_data.mime_types, [{ value: "boefje/manual" }, { value: "normalizer/n" }]);
    assert.deepEqual(made.normalizer, normalizer);
    assert.equal(made.raw_data.boefje_meta.input_ooi, null);
  });

  test("takes what the person says over what is known", () => {
    const input = { primary_key: "Hostname|internet|a", name: "a" };
    const made = normalizerMeta({ ...bare, rawMeta: meta(["a/b"]) }, normalizer, {
      mimeTypes: ["c/d"],
      inputOoi: { input, primaryKey: input.primary_key },
    });
    assert.deepEqual(made.raw_data.mime_types, [{ value: "c/d" }]);
    assert.equal(made.raw_data.boefje_meta.input_ooi, "Hostname|internet|a");
    assert.deepEqual(made.raw_data.boefje_meta.arguments, { input });
    assert.equal(made.raw_data.boefje_meta.organization, "org");
  });

  test("takes a whole NormalizerMeta or a RawDataMeta", () => {
    const whole = {
      id: B,
      started_at: "s",
      ended_at: null,
      normalizer: { id: "other" },
      raw_data: JSON.parse(rawMetaJson(A, ["a/b"])),
    };
    const made = normalizerMeta(bare, normalizer, { meta: parseMeta(JSON.stringify(whole), "f") });
    assert.equal(made.id, B);
    assert.deepEqual(made.normalizer, { id: "other", version: null });
    assert.equal(made.raw_data.boefje_meta.environment, null);
    const half = normalizerMeta(bare, normalizer, { meta: parseMeta(rawMetaJson(B, ["a/b"]), "f") });
    assert.equal(half.raw_data.id, B);
    assert.deepEqual(half.normalizer, normalizer);
  });
});

function meta(mimeTypes: readonly string[]): NonNullable<Input["rawMeta"]> {
  const parsed = parseMeta(rawMetaJson(A, mimeTypes), "f");
  assert.ok("boefje_meta" in parsed);
  return parsed;
}
