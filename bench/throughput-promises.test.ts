import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";

import { judgeThroughput } from "./promises.ts";
import type { ResultFile } from "./save-result.ts";

const RESULTS = path.join(import.meta.dirname, "results");

test("what was measured of the pipeline keeps what is promised", () => {
  const newest = globSync("*-throughput.json", { cwd: RESULTS }).toSorted().at(-1);
  assert.ok(newest !== undefined);
  const { measurements } = JSON.parse(readFileSync(path.join(RESULTS, newest), "utf8")) as ResultFile;
  const verdicts = judgeThroughput(measurements);
  assert.equal(verdicts.length, 2, "large outputs and kept results");
  assert.deepEqual(
    verdicts.filter(({ kept }) => !kept),
    [],
  );
});
