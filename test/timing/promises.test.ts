import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join, resolve } from "node:path";
import { test } from "node:test";

import type { Verdict } from "../../bench/promises.ts";

const ROOT = resolve(import.meta.dirname, "../..");

/** Medians of interleaved rounds in one run, so that a busy minute does not decide; see bench/promises.ts. */
test(
  "what is promised about time and memory is kept, as the bench measures it",
  { timeout: 300_000 },
  (t) => {
    const ran = spawnSync(
      process.execPath,
      [join(ROOT, "bench/main.ts"), "--quick", "--json", "--runtime=subprocess"],
      {
        encoding: "utf8",
        timeout: 280_000,
        maxBuffer: 64 * 1024 * 1024,
      },
    );
    assert.equal(ran.status, 0, ran.stderr);
    const { verdicts } = JSON.parse(ran.stdout) as { readonly verdicts: readonly Verdict[] };
    for (const { promise, measured } of verdicts) t.diagnostic(`${promise}: ${measured}`);
    assert.deepEqual(
      verdicts.filter(({ kept }) => !kept),
      [],
    );
    for (const number of ["S1", "S2", "S3", "S4", "S5", "S12"]) {
      assert.ok(
        verdicts.some(({ promise }) => promise.startsWith(`${number} `)),
        `${number} was not measured`,
      );
    }
  },
);
