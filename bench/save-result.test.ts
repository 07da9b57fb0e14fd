import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";

import { type ResultFile, saveResult } from "./save-result.ts";

test("a measurement keeps the machine that it was made on, when another one adds to its file", () => {
  const folder = mkdtempSync(path.join(tmpdir(), "whiskers-results-"));
  try {
    const [one, other] = [{ processor: "A" }, { processor: "B" }];
    saveResult("kills", "first", { runs: 1 }, { folder, machine: one });
    saveResult("kills", "second", { runs: 2 }, { folder, machine: one });
    saveResult("kills", "third", { runs: 3 }, { folder, machine: other });
    saveResult("kills", "second", { runs: 4 }, { folder, machine: other });
    const [name = ""] = readdirSync(folder);
    const { machine, measurements } = JSON.parse(readFileSync(path.join(folder, name), "utf8")) as ResultFile;
    const machineOf = (of: string): unknown => Reflect.get(measurements[of] ?? {}, "machine") ?? machine;
    assert.deepEqual(["first", "second", "third"].map(machineOf), [one, other, other]);
    assert.equal(Reflect.get(measurements["second"] ?? {}, "runs"), 4);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
