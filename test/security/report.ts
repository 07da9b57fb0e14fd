/**
 * Runs the hostile suite against every driver and writes docs/isolation.json and docs/isolation.md:
 * `node test/security/report.ts`.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

import { ISOLATION_JSON, ISOLATION_MD, renderIsolation } from "./isolation-table.ts";
import type { IsolationReport } from "./isolation-table.ts";

/** Files that call hostileSuite. */
const SUITES = ["subprocess.test.ts", "oci.test.ts"];

const folder = mkdtempSync(path.join(tmpdir(), "whiskers-isolation-"));
try {
  const suites = SUITES.map((name) => path.join(import.meta.dirname, name));
  const { status } = spawnSync(process.execPath, ["--test", "--test-concurrency=1", ...suites], {
    stdio: "inherit",
    env: { ...process.env, WHISKERS_ISOLATION_REPORTS: folder },
  });
  const reports = readdirSync(folder)
    .toSorted()
    .map((name): IsolationReport => JSON.parse(readFileSync(path.join(folder, name), "utf8")));
  writeFileSync(ISOLATION_JSON, `${JSON.stringify(reports, null, 1)}\n`);
  writeFileSync(ISOLATION_MD, renderIsolation(reports));
  process.exitCode = status ?? 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
