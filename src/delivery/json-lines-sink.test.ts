import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, suite, test } from "node:test";

import { WhiskersError } from "../errors.ts";
import { jsonLinesSink } from "./json-lines-sink.ts";
import type { Output } from "./output.ts";

const NEVER = new AbortController().signal;
const TASK = "00000000-0000-4000-8000-000000000001";

suite("the sink for JSON Lines", () => {
  let folder = "";
  before(() => {
    folder = mkdtempSync(join(tmpdir(), "whiskers-jsonl-"));
  });
  after(() => {
    rmSync(folder, { recursive: true });
  });
  const network = (name: string) => ({ object_type: "Network", primary_key: `Network|${name}`, name });
  const outputOf = (...names: readonly string[]): Output => ({
    taskId: TASK,
    packageDigest: "sha256:0",
    normalizer: { id: "n", version: null },
    meta: null,
    records: {
      objects: names.map(network),
      declarations: [{ object: network("d"), end_valid_time: "2030-01-01T00:00:00Z" }],
      affirmations: [{ object: network("a") }],
      scanProfiles: [{ reference: "Network|s", level: 2, user_id: null }],
      raws: [{ mime_types: ["text/html"], content: Buffer.from("hi") }],
      rejections: [],
      rejectionsDropped: 0,
      recordsRejected: 0,
      sha256: "",
    },
  });

  test("writing an output again replaces it; a file is whole, and nothing else lies there", async () => {
    const sink = jsonLinesSink(folder);
    await sink.step(outputOf("1", "2")).send(NEVER);
    await sink.step(outputOf("3")).send(NEVER);
    assert.deepEqual(readdirSync(join(folder, "undated")), [`${TASK}.jsonl`]);
    const lines = readFileSync(join(folder, "undated", `${TASK}.jsonl`), "utf8")
      .trimEnd()
      .split("\n");
    const records = lines.map(
      (line) => JSON.parse(line) as { readonly kind: string; readonly record: object },
    );
    assert.deepEqual(
      records.map(({ kind }) => kind),
      ["object", "declaration", "affirmation", "scan_profile", "raw"],
    );
    assert.deepEqual(records[0]?.record, network("3"));
    assert.deepEqual(records[4]?.record, { record_type: "raw", mime_types: ["text/html"], content: "aGk=" });
  });

  test("a folder that cannot be written is the operator's trouble, and is tried again", async () => {
    const file = join(folder, "file");
    writeFileSync(file, "");
    await assert.rejects(jsonLinesSink(file).step(outputOf()).send(NEVER), (error: unknown) => {
      assert.ok(error instanceof WhiskersError);
      assert.ok(error.row.retryable);
      return error.code === "sink-unwritable";
    });
  });
});
