import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import path from "node:path";
import { describe, it } from "node:test";

import { describeMachines } from "../fixtures/used-machines.ts";
import { ATTACKS } from "./attacks.ts";
import { WEAKNESSES_OF_GVISOR, WEAKNESSES_OF_GVISOR_BY_AN_ENGINE, expectedOfMachines } from "./weaknesses.ts";
import type { Weaknesses } from "./weaknesses.ts";
import type { AttackResult } from "./hostile-suite.ts";
import { ISOLATION_MD, plannedRuns, readReports, renderIsolation } from "./isolation-table.ts";
import { mergeReports, untried } from "./merge-reports.ts";

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

describe("what docs/isolation.md calls weaker", () => {
  const known: Readonly<Record<string, Weaknesses>> = {
    "oci (runsc)": WEAKNESSES_OF_GVISOR,
    "docker (runsc)": WEAKNESSES_OF_GVISOR_BY_AN_ENGINE,
    "microvm (qemu, tcg)": expectedOfMachines({ isEmulated: true }).weaknesses,
    "microvm (qemu, kvm)": expectedOfMachines({ isEmulated: false }).weaknesses,
    "microvm (firecracker)": expectedOfMachines({ isEmulated: false }).weaknesses,
  };
  for (const { driver, results } of readReports()) {
    it(`is a known weakness of ${driver}`, () => {
      const told = results.filter((one) => one.result === "weaker");
      assert.deepEqual(
        told.map(({ attack, detail }) => [attack, detail]),
        told.map(({ attack }) => [attack, known[driver]?.[attack]?.why]),
      );
    });
  }
});

describe("a column of machines", () => {
  it("is named after what runs them", () => {
    const linux = "Linux 6.1.0-56-cloud-amd64";
    const cases = {
      [`QEMU 7.2.22 (TCG), ${linux}`]: { title: "microvm (qemu, tcg)", isEmulated: true },
      [`QEMU 7.2.22 (KVM), ${linux}`]: { title: "microvm (qemu, kvm)", isEmulated: false },
      [`QEMU of unknown version (TCG), ${linux}`]: { title: "microvm (qemu, tcg)", isEmulated: true },
      [`Firecracker 1.16.1, ${linux}`]: { title: "microvm (firecracker)", isEmulated: false },
    };
    for (const [version, described] of Object.entries(cases))
      assert.deepEqual(describeMachines(version), described);
    assert.throws(() => describeMachines(`cloud-hypervisor 38.0, ${linux}`), /nobody knows/u);
  });
});

describe("the list of attacks", () => {
  it("is what lies in attacks/", () => {
    const folders = readdirSync(path.join(import.meta.dirname, "attacks"), { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && entry.name !== "__pycache__")
      .map((entry) => entry.name);
    assert.deepEqual(folders.toSorted(), ["bystander", ...ATTACKS.map((attack) => attack.name)].toSorted());
  });
});

describe("an interrupted suite goes on", () => {
  const all = plannedRuns().map((run) => {
    const [attack = "", state = ""] = run.split(" ");
    return { attack, state, result: "held", detail: "" } as AttackResult;
  });
  const reportOf = (driver: string, results: readonly AttackResult[]) => ({
    driver,
    version: "1",
    kernel: "6",
    protections: [],
    results,
  });
  const [first, second] = all;
  assert.ok(first !== undefined && second !== undefined);
  const failed: AttackResult = { ...first, result: "failed", detail: "too slow" };

  it("with all attacks, when nothing was tried", () => {
    assert.equal(untried([], []), "all");
    assert.equal(untried([], ["a"]), "all");
  });
  it("with what has failed or was not tried, of every driver", () => {
    assert.equal(untried([reportOf("a", [failed, ...all.slice(1)])], []), first.attack);
    assert.equal(untried([reportOf("a", all), reportOf("b", all.slice(1))], []), first.attack);
    assert.equal(untried([reportOf("a", all)], ["b"]), "all");
    assert.equal(untried([reportOf("a", all)], ["a"]), "none");
  });
  it("and what failed counts as it ended later, in the order of the table", () => {
    const merged = mergeReports([reportOf("a", [second, failed]), reportOf("a", [first])]);
    assert.deepEqual(merged, [reportOf("a", [first, second])]);
    assert.deepEqual(mergeReports([reportOf("a", [first]), reportOf("a", [failed])]), [
      reportOf("a", [first]),
    ]);
  });
});
