/**
 * Runs the hostile suite against every driver, or those that are named, and writes docs/isolation.json and
 * docs/isolation.md: `node test/security/report.ts [subprocess] [oci] [docker] [microvm] [wasm]`. Columns of others stay as they are.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

import type { AttackResult } from "./hostile-suite.ts";
import { ISOLATION_JSON, ISOLATION_MD, readReports, renderIsolation } from "./isolation-table.ts";
import type { IsolationReport } from "./isolation-table.ts";

/** Each has a file that calls hostileSuite, or tries the same by modules. */
const SUITES = ["subprocess", "oci", "docker", "microvm", "wasm"];
/** An attack has to be held within its time, which a busy machine may not allow: what fails is tried again. */
const TRIES = 4;

const named = process.argv.slice(2);
const columns = new Map(readReports().map((report) => [report.driver, report]));
for (const suite of named.length > 0 ? named : SUITES) {
  if (!SUITES.includes(suite)) throw new Error(`report: no suite ${suite}; there are: ${SUITES.join(" ")}`);
  for (const report of reportsOf(suite)) columns.set(report.driver, report);
}
const reports = [...columns.values()].toSorted((one, two) => (one.driver < two.driver ? -1 : 1));
writeFileSync(ISOLATION_JSON, `${JSON.stringify(reports, null, 1)}\n`);
writeFileSync(ISOLATION_MD, renderIsolation(reports));
process.exitCode = reports.some(({ results }) => failedOf(results).length > 0) ? 1 : 0;

function reportsOf(suite: string): readonly IsolationReport[] {
  let found = runSuite(suite, "all");
  for (let attempt = 1; attempt < TRIES; attempt += 1) {
    const failed = new Set(found.flatMap(({ results }) => failedOf(results)));
    if (failed.size === 0) break;
    const again = runSuite(suite, [...failed].join(","));
    found = found.map((report) => ({
      ...report,
      results: report.results.map((one) =>
        one.result === "failed" ? (secondOf(one, report, again) ?? one) : one,
      ),
    }));
  }
  return found;
}

function failedOf(results: readonly AttackResult[]): readonly string[] {
  return results.filter(({ result }) => result === "failed").map(({ attack }) => attack);
}

function secondOf(
  { attack, state }: AttackResult,
  { driver }: IsolationReport,
  again: readonly IsolationReport[],
): AttackResult | undefined {
  const results = again.find((report) => report.driver === driver)?.results ?? [];
  return results.find((one) => one.attack === attack && one.state === state);
}

/** @param attacks as WHISKERS_TEST_ATTACKS */
function runSuite(suite: string, attacks: string): readonly IsolationReport[] {
  const folder = mkdtempSync(path.join(tmpdir(), "whiskers-isolation-"));
  try {
    spawnSync(process.execPath, ["--test", path.join(import.meta.dirname, `${suite}.test.ts`)], {
      stdio: "inherit",
      env: { ...process.env, WHISKERS_ISOLATION_REPORTS: folder, WHISKERS_TEST_ATTACKS: attacks },
    });
    return readdirSync(folder).map((name): IsolationReport =>
      JSON.parse(readFileSync(path.join(folder, name), "utf8")),
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
