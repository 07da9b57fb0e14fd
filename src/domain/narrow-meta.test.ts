import assert from "node:assert/strict";
import { test } from "node:test";

import type { NormalizerMeta } from "./meta.ts";
import { narrowMeta } from "./narrow-meta.ts";

const META: NormalizerMeta = {
  id: "task",
  raw_data: {
    id: "raw",
    boefje_meta: {
      id: "run",
      started_at: "1",
      ended_at: "2",
      boefje: { id: "b", version: null },
      input_ooi: "Network|internet",
      arguments: { input: { name: "internet", network: { name: "n" } }, secret: 7 },
      organization: "org",
    },
    mime_types: [{ value: "a/b" }],
  },
  normalizer: { id: "n", version: "1" },
  started_at: "3",
  ended_at: null,
};

test("what is not named is not there; what is named is there as it was", () => {
  const reads = [
    "raw_data.boefje_meta.input_ooi",
    "raw_data.boefje_meta.arguments.input.network",
    "raw_data.mime_types",
    "normalizer",
    "raw_data.boefje_meta.arguments.no.such",
  ];
  assert.deepEqual(narrowMeta(META, reads), {
    raw_data: {
      boefje_meta: { input_ooi: "Network|internet", arguments: { input: { network: { name: "n" } } } },
      mime_types: [{ value: "a/b" }],
    },
    normalizer: { id: "n", version: "1" },
  });
  assert.equal(META.raw_data.id, "raw", "the meta itself stays as it is");
});

test("nothing named: the objects on the way to the scanned one, for short cuts", () => {
  assert.deepEqual(narrowMeta(META, []), { raw_data: { boefje_meta: { arguments: {} } } });
});
