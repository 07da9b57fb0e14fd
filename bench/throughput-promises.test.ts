import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";

import type { ResultFile } from "./save-result.ts";

const RESULTS = path.join(import.meta.dirname, "results");

test("what was measured of the pipeline keeps what is promised", () => {
  const newest = globSync("*-throughput.json", { cwd: RESULTS }).toSorted().at(-1);
  assert.ok(newest !== undefined);
  const { measurements } = JSON.parse(readFileSync(path.join(RESULTS, newest), "utf8")) as ResultFile;
  const figure = (name: string, key: string): number => {
    const value = (measurements[name] as Readonly<Record<string, unknown>> | undefined)?.[key];
    assert.ok(typeof value === "number", `${name}.${key} was not measured`);
    return value;
  };
  assert.ok(figure("objects-100000", "objectsPerSecond") >= 50_000, "S34");
  assert.ok(figure("cache", "ratio") > 1, "S35");
});
