import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import path from "node:path";
import { describe, it } from "node:test";

import { ATTACKS } from "./attacks.ts";
import { ISOLATION_MD, plannedRuns, readReports, renderIsolation } from "./isolation-table.ts";

describe("docs/isolation.md", () => {
  const reports = readReports();

  it("is what docs/isolation.json says", () => {
    assert.equal(readFileSync(ISOLATION_MD, "utf8"), renderIsolation(reports));
  });

  for (const { driver, results } of reports) {
    it(`holds every attack and no other for ${driver}`, () => {
      const told = results.map((one) => `${one.attack} ${one.state}`);
      assert.deepEqual(told.toSorted(), plannedRuns().toSorted());
    });
    it(`says of no attack that ${driver} failed to hold it`, () => {
      assert.deepEqual(
        results.filter((one) => one.result === "failed"),
        [],
      );
    });
  }
});

describe("the list of attacks", () => {
  it("is what lies in attacks/", () => {
    const folders = readdirSync(path.join(import.meta.dirname, "attacks"), { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && entry.name !== "__pycache__")
      .map((entry) => entry.name);
    assert.deepEqual(folders.toSorted(), ["bystander", ...ATTACKS.map((attack) => attack.name)].toSorted());
  });
});
