/**
 * Runs the hostile suite against every driver, or those that are named, and writes docs/isolation.json and
 * docs/isolation.md: `node test/security/report.ts [--keep FOLDER] [subprocess] [oci] [docker] [podman] [microvm] [wasm]`.
 * Columns of others stay as they are. What was tried is in FOLDER at once, and is not tried again by the next who names it: a
 * suite may take an hour, and be interrupted.
 */
import { spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";

import { ISOLATION_JSON, ISOLATION_MD, readReports, renderIsolation } from "./isolation-table.ts";
import type { IsolationReport } from "./isolation-table.ts";
import { mergeReports, untried } from "./merge-reports.ts";

/** Each has a file that calls hostileSuite, or tries the same by modules. */
const SUITES = ["subprocess", "oci", "docker", "podman", "microvm", "wasm"];
/** An attack has to be held within its time, which a busy machine may not allow: what fails is tried again. */
const TRIES = 4;

const { values, positionals: named } = parseArgs({
  options: { keep: { type: "string" } },
  allowPositionals: true,
});
const keep = values.keep ?? mkdtempSync(path.join(tmpdir(), "whiskers-isolation-"));
const columns = new Map(readReports().map((report) => [report.driver, report]));
try {
  for (const suite of named.length > 0 ? named : SUITES) {
    if (!SUITES.includes(suite)) throw new Error(`report: no suite ${suite}; there are: ${SUITES.join(" ")}`);
    for (const report of reportsOf(suite)) columns.set(report.driver, report);
  }
} finally {
  if (values.keep === undefined) rmSync(keep, { recursive: true, force: true });
}
const reports = [...columns.values()].toSorted((one, two) => (one.driver < two.driver ? -1 : 1));
writeFileSync(ISOLATION_JSON, `${JSON.stringify(reports, null, 1)}\n`);
writeFileSync(ISOLATION_MD, renderIsolation(reports));
process.exitCode = reports.some(({ results }) => results.some(({ result }) => result === "failed")) ? 1 : 0;

function reportsOf(suite: string): readonly IsolationReport[] {
  const folder = path.join(keep, suite);
  // That of machines has one column, of whatever runs them here: the first run says which.
  const drivers = suite === "microvm" ? [] : [...columns.keys()].filter((driver) => driver.startsWith(suite));
  for (let attempt = 0; attempt < TRIES; attempt += 1) {
    const wanted = untried(runsIn(folder), drivers);
    if (wanted === "none") break;
    runSuite(suite, wanted, path.join(folder, String(readdirOrNone(folder).length)));
  }
  return runsIn(folder);
}

/** All runs of a suite, as one. */
function runsIn(folder: string): readonly IsolationReport[] {
  const runs = readdirOrNone(folder).toSorted((one, two) => Number(one) - Number(two));
  const files = runs.flatMap((run) =>
    readdirSync(path.join(folder, run))
      .filter((name) => name.endsWith(".json"))
      .map((name) => path.join(folder, run, name)),
  );
  return mergeReports(files.map((file): IsolationReport => JSON.parse(readFileSync(file, "utf8"))));
}

function readdirOrNone(folder: string): readonly string[] {
  return existsSync(folder) ? readdirSync(folder) : [];
}

/** @param attacks as WHISKERS_TEST_ATTACKS */
function runSuite(suite: string, attacks: string, folder: string): void {
  mkdirSync(folder, { recursive: true });
  spawnSync(process.execPath, ["--test", path.join(import.meta.dirname, `${suite}.test.ts`)], {
    stdio: "inherit",
    env: { ...process.env, WHISKERS_ISOLATION_REPORTS: folder, WHISKERS_TEST_ATTACKS: attacks },
  });
}
