/** `whiskers diff`: two versions of a normalizer on raw files of this machine, of a download, and of Bytes. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, suite, test } from "node:test";

import { checkObject } from "../../src/cli/check-object.ts";
import { type MockOpenKat, startMockOpenKat } from "../../src/mock-openkat/start-mock-openkat.ts";
import { buildZip } from "../fixtures/build-zip.ts";
import { COMPILE_CACHE } from "../fixtures/compile-cache.ts";
import { writeFiles } from "../fixtures/dependent-packages.ts";

const MAIN = new URL("../../src/cli/main.ts", import.meta.url).pathname;
const TYPE = "boefje/names";

interface DiffDocument {
  readonly raws: readonly {
    readonly input: string;
    readonly same: boolean;
    readonly differences: readonly {
      readonly kind: string;
      readonly what: string;
      readonly fields: readonly { readonly name: string; readonly old: string; readonly new: string }[];
    }[];
    readonly new: { readonly outcome: { readonly status: string; readonly code?: string } };
  }[];
  readonly skipped: readonly { readonly name: string }[];
  readonly totals: Readonly<Record<"raws" | "same" | "differ" | "added" | "removed" | "changed", number>>;
  readonly error?: { readonly code: string; readonly message: string };
}

suite("whiskers diff", { timeout: 120_000 }, () => {
  let root = "";
  let mock: MockOpenKat;
  let [old, now] = ["", ""];
  before(async () => {
    root = mkdtempSync(path.join(tmpdir(), "whiskers-diff-"));
    mkdirSync(path.join(root, "tmp"));
    mock = await startMockOpenKat({ check: checkObject, slowMs: 0 });
    old = pkg("old", "1.0", 'yield {"object_type": "Network", "name": name}');
    now = pkg(
      "new",
      "2.0",
      'if name == "bad": raise ValueError("out of cheese")',
      'if name != "gone": yield {"object_type": "Network", "name": name, "user_id": 7 if name == "other" else None}',
      'if name == "gone": yield {"object_type": "Network", "name": "come"}',
    );
  });
  after(async () => {
    await mock.close();
    rmSync(root, { recursive: true });
  });
  const pkg = (name: string, version: string, ...body: readonly string[]): string =>
    writeFiles(path.join(root, name), {
      "normalizer.json": JSON.stringify({
        id: "names",
        name: "Names",
        version,
        environment: "python",
        entrypoint: "normalize",
        consumes: [TYPE],
      }),
      "normalize.py": `def run(meta, raw):\n  for name in raw.decode().split():\n${body.map((line) => `    ${line}\n`).join("")}`,
    });
  const whiskers = async (
    ...args: readonly string[]
  ): Promise<{ readonly code: number; readonly out: string; readonly err: string }> => {
    const child = spawn(process.execPath, [MAIN, "diff", ...args], {
      stdio: ["ignore", "pipe", "pipe"],
      env: {
        PATH: process.env["PATH"],
        HOME: root,
        NODE_COMPILE_CACHE: COMPILE_CACHE,
        TMPDIR: path.join(root, "tmp"),
        WHISKERS_HOME: path.join(root, "home"),
        SCHEDULER_API: mock.urls.mula,
        BYTES_API: mock.urls.bytes,
        BYTES_USERNAME: "bytes",
        BYTES_PASSWORD: "bytes",
        OCTOPOES_API: mock.urls.octopoes,
      },
    });
    let [out, err] = ["", ""];
    child.stdout.setEncoding("utf8").on("data", (text: string) => (out += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (err += text));
    const [code] = (await once(child, "close")) as [number];
    return { code, out, err };
  };
  const diff = async (wanted: number, ...args: readonly string[]): Promise<DiffDocument> => {
    const { code, out, err } = await whiskers(...args, "--json");
    assert.equal(code, wanted, err + out);
    return JSON.parse(out) as DiffDocument;
  };

  test("files, folders and downloads: what is added, removed and changed, by key and field; 0 when nothing is, else 1", async () => {
    const folder = writeFiles(path.join(root, "raws"), { same: "a b", gone: "a gone", other: "other" });
    const { code, out, err } = await whiskers(old, now, folder);
    assert.equal(code, 1, err + out);
    assert.equal(err, "");
    assert.match(out, /^old {2}names 1\.0 {2}sha256:[0-9a-f]{64}\nnew {2}names 2\.0 {2}sha256/u);
    assert.match(
      out,
      /differs {2}\S*gone {2}1 added, 1 removed, 0 changed\n {2}- Network\|gone\n {2}\+ Network\|come\n/u,
    );
    assert.match(
      out,
      /differs {2}\S*other {2}0 added, 0 removed, 1 changed\n {2}~ Network\|other\n {6}user_id: \(nothing\) → 7\n/u,
    );
    assert.match(out, /same {5}\S*same {2}2 objects\n/u);
    assert.match(out, /\n3 raw files: 1 the same, 2 not; 1 added, 1 removed, 1 changed\na run took/u);

    const failing = writeFiles(path.join(root, "failing"), { raw: "a bad" });
    const document = await diff(1, old, now, failing);
    assert.partialDeepStrictEqual(document.raws[0]?.new.outcome, {
      status: "failed",
      code: "normalizer-raised",
    });
    assert.equal(document.raws[0]?.differences[0]?.what, "how the run ended");
    // Both fail in one way: that is no difference.
    await diff(0, now, now, failing);
  });

  test("of a download, the raw files that neither consumes are left out, and named", async () => {
    const entries = [TYPE, "boefje/else"].flatMap((type) => {
      const [id, boefje] = [randomUUID(), randomUUID()];
      const meta = {
        id,
        mime_types: [{ value: type }],
        boefje_meta: {
          id: boefje,
          started_at: "2026-01-31T12:00:00Z",
          ended_at: "2026-01-31T12:00:01Z",
          boefje: { id: "names" },
          arguments: {},
          organization: "org",
        },
      };
      return [
        { name: id, content: "a gone" },
        { name: `raw_meta_${id}.json`, content: JSON.stringify(meta) },
      ];
    });
    const download = path.join(root, "download.zip");
    writeFileSync(download, buildZip(entries));
    const { totals, skipped } = await diff(1, old, now, download);
    assert.deepEqual([totals.raws, totals.differ, skipped.length], [1, 1, 1]);
    assert.match(skipped[0]?.name ?? "", new RegExp(entries[2]?.name ?? "?", "u"));
    assert.equal((await diff(1, old, now, download, "--all")).totals.raws, 2);
  });

  const add = (content: string, type = TYPE): void => {
    const known = { normalizer: "names", inputOoi: "Network|internet", mimeTypes: [type] };
    mock.addWork({ ...known, content: Buffer.from(content) });
  };

  test("raw files in Bytes: by id, and as backfill selects them; nothing of them stays", async () => {
    add("a b");
    add("a gone");
    add("not ours", "boefje/else");
    add("failed", "error/boefje");
    const document = await diff(1, old, now, "--from-bytes");
    assert.deepEqual(
      [document.totals.raws, document.totals.same, document.totals.added, document.totals.removed],
      [2, 1, 1, 1],
    );
    const changed = document.raws.find(({ same }) => !same)?.input ?? "";
    const one = await diff(1, old, now, "--from-bytes", changed);
    assert.deepEqual(
      one.raws.map(({ input }) => input),
      [changed],
    );
    const none = await whiskers(old, now, "--from-bytes", "--since", "2100-01-01");
    assert.equal(none.code, 2, none.out);
    assert.match(none.err, /Bytes has no such raw file of type boefje\/names/u);
    assert.deepEqual(readdirSync(path.join(root, "tmp")), []);
  });

  test("wrong use is refused: nothing to compare on, an id that is none or not there", async () => {
    for (const [args, why] of [
      [[], /name raw files to compare on, or give --from-bytes/u],
      [["--limit", "3", old], /--limit goes with --from-bytes/u],
      [["--from-bytes", "x"], /"x" is no id of a raw file/u],
      [["--from-bytes", randomUUID()], /there is no raw file/u],
    ] as const) {
      const { code, err } = await whiskers(old, now, ...args);
      assert.equal(code, 2, err);
      assert.match(err, why);
    }
  });
});
